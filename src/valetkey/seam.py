"""The seam between async code and its generated sync twin: the few things that are not the same word in both."""

import asyncio
import time

async_sleep = asyncio.sleep
sleep = time.sleep
