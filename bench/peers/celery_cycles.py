"""Celery on Redis with late acknowledgement: the application that a worker serves, and, run as a
program, callers that each send a task and wait for its result."""

import json
import math
import os
import threading
import time

from celery import Celery

REDIS = "redis+socket://" + os.environ["REDIS_SOCKET"]

app = Celery("celery_cycles", broker=REDIS, backend=REDIS)
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    broker_pool_limit=int(os.environ["CALLERS"]),
    redis_max_connections=None,
)


@app.task
def book(invoice):
    return {"Voucher": "4711-0815", "Booked": True}


def content(number):
    return {
        "Invoice": f"2026/{number}",
        "Customer": "Blue Pumps and Valves Ltd.",
        "Amount": 1249.5,
        "Currency": "EUR",
        "Approved": True,
    }


def main():
    callers, seconds = int(os.environ["CALLERS"]), float(os.environ["DURATION"])
    counts = time.monotonic() + seconds / 4
    ends = counts + seconds
    times, failures = [], []

    def call(caller):
        number = caller
        try:
            while (begun := time.monotonic()) < ends:
                book.delay(content(number)).get(timeout=60)
                number += callers
                if begun >= counts:
                    times.append(time.monotonic() - begun)
        except Exception as failure:
            failures.append(failure)

    threads = [threading.Thread(target=call, args=(caller,)) for caller in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.monotonic() - counts
    if failures:
        raise failures[0]
    times.sort()

    def at(share):
        return 1000 * times[max(0, math.ceil(share * len(times)) - 1)]

    print(json.dumps({"rate": len(times) / took, "p50": at(0.5), "p99": at(0.99)}))


if __name__ == "__main__":
    main()
