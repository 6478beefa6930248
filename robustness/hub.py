"""The model hub without the wait: an unreachable hub is noticed at once instead of after a minute of retries."""

import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit
from urllib.request import getproxies

from huggingface_hub import constants


def reachable() -> bool:
    """Say whether the hub's host name resolves; behind a proxy that is the proxy's business, so True."""
    if getproxies():
        return True
    url = urlsplit(constants.ENDPOINT)
    try:
        socket.getaddrinfo(url.hostname, url.port or 443)
    except socket.gaierror:
        return False
    return True


@contextmanager
def cached_when_unreachable() -> Iterator[None]:
    """Let huggingface_hub answer quietly, and from its cache alone if the hub cannot be reached."""
    was_offline, log = constants.HF_HUB_OFFLINE, logging.getLogger("huggingface_hub")
    level = log.level
    constants.HF_HUB_OFFLINE = was_offline or not reachable()
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = was_offline
        log.setLevel(level)
