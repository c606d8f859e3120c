"""The jobs of the demo: small projects that break for real, each in the way its name says."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import dedent


@dataclass(frozen=True, slots=True)
class Scenario:
    """A job: the project's files and its `run:` steps. The last one is the one that breaks.

    `cut_after` ends the job as a time limit does: really after that many seconds, in the log after
    `limit_minutes`.
    """

    name: str
    files: dict[str, str]
    steps: tuple[tuple[str, str], ...]
    cut_after: float = 0.0
    limit_minutes: int = 0


def _text(source: str) -> str:
    return dedent(source).lstrip("\n")


CART = _text(
    '''
    """Prices of a shopping cart."""


    def total(prices: list[int], discount: float = 0.0) -> int:
        """Sum in cents after the discount."""
        return round(sum(prices) * (1 - discount)) + 1
    '''
)
CART_TEST = _text(
    """
    from shop.cart import total


    def test_an_empty_cart_is_free():
        assert total([]) == 1


    def test_the_sum_of_all_prices():
        assert total([1999, 501]) == 2500


    def test_a_discount_is_taken_off():
        assert total([1000], discount=0.1) == 900
    """
)
FLAKY_TEST = _text(
    """
    import queue
    import threading
    import time


    def test_worker_drains_the_queue():
        jobs = queue.Queue()
        for number in range(50):
            jobs.put(number)

        def work():
            while not jobs.empty():
                jobs.get()
                time.sleep(0.001)

        threading.Thread(target=work, daemon=True).start()
        time.sleep(0.02)
        assert jobs.qsize() == 0, "worker did not drain the queue in time"


    def test_an_empty_queue_is_empty():
        assert queue.Queue().empty()
    """
)
HANGING_TEST = _text(
    """
    import socket


    def test_the_address_of_the_listener():
        with socket.create_server(("127.0.0.1", 0)) as listener:
            assert listener.getsockname()[0] == "127.0.0.1"


    def test_a_client_is_greeted():
        with socket.create_server(("127.0.0.1", 0)) as listener:
            with socket.create_connection(listener.getsockname()) as client:
                assert client.recv(5) == b"hello"
    """
)
REPORT = _text(
    """
    import os
    import json
    from pathlib import Path


    def summary(path):
        data = json.loads(Path(path).read_text())
        l = len(data)
        if data == None:
            raise ValueError("nothing to report")
        return f"{l} entries, {missing} missing"
    """
)
ORDER_TS = _text(
    """
    export interface Order {
      id: number;
      customer: string;
      total: number;
    }

    export function describe(order: Order): string {
      const label: number = order.customer;
      return `${label}: ${order.totals.toFixed(2)}`;
    }
    """
)
RING_C = _text(
    """
    #include <stdio.h>
    #include "ring.h"

    int ring_push(struct ring *ring, int value) {
        if (ring->used == ring->capacity)
            return -1;
        ring->slots[ring->head++ % ring->size] = value;
        ring->used += 1;
        return 0
    }
    """
)
RING_H = _text(
    """
    struct ring {
        int *slots;
        unsigned head, used, capacity;
    };
    int ring_push(struct ring *ring, int value);
    """
)
MAKEFILE = "ring.o: ring.c ring.h\n\t$(CC) -Wall -Wextra -std=c11 -c ring.c\n"
TSCONFIG = '{"compilerOptions": {"strict": true, "noEmit": true, "types": []}, "include": ["src"]}\n'
PYTEST = "python -m pytest -p no:cacheprovider"

SCENARIOS = (
    Scenario(
        "pytest-assertion",
        {"shop/__init__.py": "", "shop/cart.py": CART, "tests/test_cart.py": CART_TEST},
        (("Run tests", PYTEST),),
    ),
    Scenario("pytest-flaky", {"tests/test_worker.py": FLAKY_TEST}, (("Run tests", PYTEST),)),
    Scenario(
        "pytest-timeout",
        {"tests/test_greeting.py": HANGING_TEST},
        (("Run tests", f"{PYTEST} -v"),),
        cut_after=3.0,
        limit_minutes=45,
    ),
    Scenario("ruff-check", {"shop/report.py": REPORT}, (("Lint", "ruff check --no-cache --output-format=full ."),)),
    Scenario(
        "ruff-format",
        {"shop/report.py": REPORT.replace('"', "'"), "shop/cart.py": CART},
        (("Check formatting", "ruff format --no-cache --check --diff ."),),
    ),
    Scenario(
        "pip-conflict",
        {"requirements.txt": "requests==2.31.0\nurllib3==1.20\n"},
        (
            (
                "Install dependencies",
                "python -m pip install --no-cache-dir --progress-bar off -r requirements.txt",
            ),
        ),
    ),
    Scenario(
        "tsc-error",
        {"src/order.ts": ORDER_TS, "tsconfig.json": TSCONFIG, "package.json": '{"private": true}\n'},
        (
            ("Install dependencies", "npm install --no-fund --no-audit --no-save typescript@5.6.3"),
            ("Build", "npx tsc --pretty false"),
        ),
    ),
    Scenario("gcc-error", {"ring.c": RING_C, "ring.h": RING_H, "Makefile": MAKEFILE}, (("Build", "make"),)),
    Scenario(
        "deploy-refused",
        {"release.json": '{"version": "1.4.0"}\n'},
        (
            (
                "Deploy to staging",
                "curl --silent --show-error --fail --resolve staging.example.com:9:127.0.0.1"
                " --json @release.json http://staging.example.com:9/deploy",
            ),
        ),
    ),
    Scenario(
        "disk-full",
        {"assets/bundle.js": "export default 1;\n"},
        (("Package artifacts", "tar --create --file /dev/full assets"),),
    ),
)
