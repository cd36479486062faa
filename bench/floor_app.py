"""The floor of the platform over HTTP: a bare Starlette route that writes one row through the store's group commit."""

import json
import os
import sys
from pathlib import Path

import apsw
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from valetkey.cli.garbage import collect_seldom
from valetkey.cli.serving import adopt
from valetkey.stores.clock import StoreClock, system_time
from valetkey.stores.sqlite.book import SqliteBook
from valetkey.stores.sqlite.files import connect, create_file, migrate
from valetkey.stores.sqlite.writer import Writer


def make() -> Starlette:
    """The application; BENCH_FILE names its database."""
    path = Path(os.environ["BENCH_FILE"])
    create_file(path)
    db = connect(path, writing=True)
    migrate(db)
    db.execute("CREATE TABLE floor (id INTEGER PRIMARY KEY, body TEXT NOT NULL) STRICT")
    writer = Writer(db, StoreClock(system_time), SqliteBook)

    def write(db: apsw.Connection, body: str) -> None:
        db.execute("INSERT INTO floor (body) VALUES (?)", (body,))

    async def spend(request: Request) -> JSONResponse:
        body = json.loads(await request.body())
        await writer.write(lambda db, _: write(db, json.dumps(body)))
        return JSONResponse({"success": True, "data": body}, status_code=201)

    return Starlette(routes=[Route("/api/v1/{path:path}", spend, methods=["POST"])])


def main() -> None:
    """Serve it as the platform is, on an open socket: one that uvicorn opens by number delays small writes."""
    config = uvicorn.Config(make(), log_config=None, access_log=False, lifespan="off")
    collect_seldom()
    uvicorn.Server(config).run(sockets=[adopt(int(sys.argv[1]))])


if __name__ == "__main__":
    main()
