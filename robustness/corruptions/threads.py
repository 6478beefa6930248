"""Work on the images of a batch that runs outside Python's lock and that torch does not spread over threads itself."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")


def each(work: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Do `work` for each item, on as many threads as torch may use; returns the results in order."""
    threads = torch.get_num_threads()
    if threads == 1:
        return [work(item) for item in items]
    with ThreadPoolExecutor(threads, thread_name_prefix="corrupt") as pool:
        return list(pool.map(work, items))
