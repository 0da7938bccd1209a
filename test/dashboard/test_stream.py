from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from lss_bev_ros.dashboard.stream import Channel, subscribed


@given(st.lists(st.integers(0, 3), min_size=1, max_size=60))
def test_a_client_sees_payloads_in_order_and_always_the_last(publishing):
    """Before each look the client misses so many payloads; it never sees an old one after a new one."""

    async def play():
        channel, seen, made = Channel("page"), [], 0
        with subscribed((channel,)) as client:
            for count in publishing:
                for _ in range(count):
                    channel.publish(b"%d" % made)
                    made += 1
                if count:
                    seen.append(int(await client.next()))
            assert channel.skipped == made - len(seen)
        return seen, made

    seen, made = asyncio.run(play())
    assert seen == sorted(set(seen))
    assert not made or seen[-1] == made - 1


def test_a_slow_client_holds_up_nobody():
    async def play():
        channel = Channel("page")
        with subscribed((channel,)) as slow, subscribed((channel,)) as fast:
            for k in range(100):
                channel.publish(b"%d" % k)
                assert await fast.next() == b"%d" % k
            assert await slow.next() == b"99"
            assert (fast.skipped, slow.skipped, channel.skipped) == (0, 99, 99)

    asyncio.run(play())


def test_who_joins_gets_the_last_payload_unless_nobody_kept_it_fresh():
    async def play():
        wanted = []
        channel = Channel("page", lambda: wanted.append(True))
        with subscribed((channel,)):
            assert wanted == [True]
            channel.publish(b"now")
            with subscribed((channel,)) as late:
                assert await late.next() == b"now"
        assert wanted == [True]
        with subscribed((channel,)):
            assert wanted == [True, True]
        assert channel.clients == 0

    asyncio.run(play())


def test_channels_take_turns():
    async def play():
        page, state = Channel("page"), Channel("state")
        with subscribed((page, state)) as client:
            page.publish(b"frame")
            state.publish("state")
            assert [await client.next(), await client.next()] == [b"frame", "state"]

    asyncio.run(play())
