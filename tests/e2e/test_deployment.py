"""What deploy/ promises: no root, nothing written but the data folder, no secret in a layer. No container engine runs
here, so the image's rules are read, and what it does is done: the wheel's own files, another user, a read-only tree."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
import zipfile
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from scripts.run_tutorial import build_wheel
from tests.e2e.test_seven import NETWORKS

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
SECRET = re.compile(r"(?<!VALET)(?:SECRET|PASSWORD|TOKEN|KEY|DATABASE)", re.IGNORECASE)


def instructions() -> list[tuple[str, str]]:
    text = (DEPLOY / "container" / "Containerfile").read_text()
    lines = [line for line in text.replace("\\\n", " ").splitlines() if line and not line.startswith("#")]
    return [(word.upper(), rest) for word, _, rest in (line.partition(" ") for line in lines)]


def test_the_containerfile_runs_as_nobody_and_keeps_no_secret() -> None:
    found = instructions()
    stages = [number for number, (word, _) in enumerate(found) if word == "FROM"]
    assert len(stages) == 2
    last = dict(found[stages[-1] :])
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", last["USER"])
    assert last["STOPSIGNAL"] == "SIGTERM"
    for word in ("ENTRYPOINT", "CMD", "VOLUME"):
        assert isinstance(json.loads(last[word]), list), f"{word} needs no shell"
    assert isinstance(json.loads(last["HEALTHCHECK"].partition("CMD ")[2]), list)
    allowed = set((ROOT / ".containerignore").read_text().split())
    for word, rest in found:
        assert word != "ADD"
        if word == "RUN":
            assert isinstance(json.loads(rest), list), "no shell puts something into a layer"
        if word in ("ENV", "ARG"):
            names = [one.partition("=")[0] for one in rest.split()]
            assert not any(map(SECRET.search, names)), rest
        if word == "COPY" and "--from=" not in rest:
            *sources, _ = rest.split()
            for source in sources:
                assert (ROOT / source).exists(), source
                assert f"!{source}" in allowed, f"{source} is not in the build's context"
    installs = [rest for word, rest in found if word == "RUN" and '"install"' in rest and '"pip"' in rest]
    assert all("--require-hashes" in one or "--no-index" in one for one in installs)


def test_services_of_the_composition_are_hardened_and_what_is_inside_stays_there() -> None:
    told: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yml").read_text())
    for name, service in told["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", service["user"]), name
        assert "ports" not in service or name == "proxy", f"{name} is reached through the proxy alone"
        for setting, value in service.get("environment", {}).items():
            if SECRET.search(setting) and not setting.startswith("POSTGRES_DB"):
                assert str(value).startswith("/run/secrets/"), f"{name}: {setting} is a file"
        for secret in service.get("secrets", ()):
            assert told["secrets"][secret]["file"].startswith("./secrets/")
        if name not in ("migrate", "platform-a", "platform-b"):
            assert service["healthcheck"]["test"][0] == "CMD", name
    assert told["networks"]["database"] == {"internal": True}
    users = {name for name, service in told["services"].items() if "database" in service["networks"]}
    assert users == {"database", "migrate", "platform-a", "platform-b"}
    platforms = [told["services"][name] for name in ("platform-a", "platform-b")]
    assert platforms[0] == platforms[1]
    proxy = told["services"]["proxy"]["networks"]["door"]["ipv4_address"]
    assert platforms[0]["environment"]["VALETKEY_TRUSTED_PROXIES"] == proxy


def test_the_proxy_overwrites_what_strangers_say_and_keeps_metrics_inside() -> None:
    text = (DEPLOY / "proxy" / "nginx.conf").read_text()
    assert text.count("{") == text.count("}")
    assert "$proxy_add_x_forwarded_for" not in text, "a stranger's word would be passed on"
    # A block that sets one header sets them all.
    for block in re.findall(r"location / \{[^}]*proxy_set_header[^}]*\}", text):
        assert "X-Forwarded-For $remote_addr" in block
    assert "^/(metrics|healthz|readyz|health/) { return 404; }" in text
    assert "access_log off" in text


def test_the_unit_is_hardened_and_gets_secrets_as_credentials() -> None:
    lines = (DEPLOY / "systemd" / "valetkey.service").read_text().splitlines()
    for wanted in (
        "DynamicUser=yes",
        "ProtectSystem=strict",
        "NoNewPrivileges=yes",
        "CapabilityBoundingSet=",
    ):
        assert wanted in lines
    loaded = {
        line.partition("=")[2].partition(":")[0] for line in lines if line.startswith("LoadCredential=")
    }
    for line in lines:
        name, _, value = line.removeprefix("Environment=").partition("=")
        if line.startswith("Environment=") and name.endswith("_FILE"):
            assert value.removeprefix("%d/") in loaded
        elif line.startswith("Environment="):
            assert not SECRET.search(name), name


INSIDE = """
set -e
mount --make-rprivate /
mount --bind {base} {work}/python
mount --bind {site} {work}/site
mount --bind {work}/data {work}/data
mount -t tmpfs -o mode=1777 tmpfs {work}/tmp
awk '{{print $2}}' /proc/self/mounts | sort -r | while read -r at; do
  case "$at" in
    /proc*|/dev*|/sys*|{work}/data|{work}/tmp) ;;
    *) mount -o remount,bind,ro "$at" 2>/dev/null || true ;;
  esac
done
cd {work}/data
exec setpriv --reuid={user} --regid={user} --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all "$@"
"""


def test_the_platform_serves_as_nobody_in_a_read_only_tree_and_stops_on_sigterm(tmp_path: Path) -> None:
    assert os.geteuid() == 0, (
        "a mount namespace of another user is made by root: run this in the test's container"
    )
    work = Path("/var/tmp") / f"valetkey-deployment-{os.getpid()}"
    work.mkdir(mode=0o755)
    try:
        _serves(work, tmp_path)
    finally:
        shutil.rmtree(work)


def _serves(work: Path, tmp_path: Path) -> None:
    user = 65532
    for name in ("python", "site", "data", "tmp", "app"):
        (work / name).mkdir()
    os.chown(work / "data", user, user)
    (work / "data").chmod(0o700)
    with zipfile.ZipFile(build_wheel(ROOT, tmp_path)) as wheel:
        wheel.extractall(work / "app")
    base = Path(sys.base_prefix)
    python = f"{work}/python/bin/python{sys.version_info.major}.{sys.version_info.minor}"
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{work}/app:{work}/site",
        "PYTHONDONTWRITEBYTECODE": "1",
        # The interpreter is at another place than it was built for.
        "LD_LIBRARY_PATH": f"{work}/python/lib",
        "HOME": f"{work}/tmp",
        "TMPDIR": f"{work}/tmp",
        "VALETKEY_DATABASE": f"{work}/data/valetkey.db",
        "VALETKEY_NETWORKS": json.dumps(NETWORKS),
        "VALETKEY_MASTER_SECRET": "m" * 32,
        "VALETKEY_WEBHOOK_SECRET": "w" * 32,
    }
    script = INSIDE.format(base=base, site=sysconfig.get_path("purelib"), work=work, user=user)

    def inside(*words: str) -> list[str]:
        return ["unshare", "--mount", "sh", "-c", script, "sh", *words]

    tried = (
        "import os, pathlib, sys\n"
        "assert os.geteuid() == 65532 and os.getgroups() == []\n"
        f"for place in ('/', '/etc', '/var/tmp', {str(work)!r}, {str(work / 'app')!r}):\n"
        "    try: pathlib.Path(place, 'written').touch()\n"
        "    except OSError: continue\n"
        "    sys.exit(f'{place} can be written')\n"
        f"pathlib.Path({str(work)!r}, 'data', 'written').touch()\n"
    )
    ran = subprocess.run(inside(python, "-c", tried), env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    migrated = subprocess.run(
        inside(python, "-m", "valetkey", "migrate"), env=environment, capture_output=True
    )
    assert migrated.returncode == 0, migrated.stderr
    process = subprocess.Popen(
        inside(python, "-m", "valetkey", "serve", "--port", "0"),
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        url = json.loads(process.stderr.readline())["url"]
        while '"started"' not in (line := process.stderr.readline()):
            assert line, "the platform ended"
        assert httpx.get(f"{url}/healthz").status_code == 200
        before = time.monotonic()
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=30)
        # uvicorn ends in order, and then as the signal would have ended it.
        assert process.returncode in (0, -signal.SIGTERM)
        assert '"stopped"' in said
        assert time.monotonic() - before < 15
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("name", ["containerignore", "dockerignore"])
def test_engines_of_both_kinds_get_the_same_context(name: str) -> None:
    assert (ROOT / f".{name}").read_text().startswith("*\n"), "nothing is in it unless it is named"
    assert (ROOT / ".containerignore").read_text() == (ROOT / ".dockerignore").read_text()
