"""A FastAPI application with nothing in it, and uvicorn: the least that a service can start."""

from __future__ import annotations

import os

import uvicorn
from fastapi import FastAPI


async def ready() -> dict[str, str]:
    """Say yes."""
    return {"status": "ready"}


if __name__ == "__main__":
    app = FastAPI()
    app.add_api_route("/readyz", ready)
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["APP_PORT"]), access_log=False)
