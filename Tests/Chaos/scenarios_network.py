"""Scenarios in which the network between the daemons and the server fails. Daemons and server are well.

Every daemon connects through one proxy of this suite.
"""

import random
import time

from proxy import COMMIT, Proxy, Rule

CLAIM = b"spool_claim\x00"


def through_proxy(scenario):
    """Gives a scenario a proxy, which stays until the daemons have said goodbye through it."""
    def run(place):
        proxy = Proxy(place.cluster.port)
        place.at_end.append(proxy.close)
        scenario(place, proxy)
    run.__doc__ = scenario.__doc__
    run.__name__ = scenario.__name__
    return run


def strike(place, proxy, rules):
    """Arms one rule after the other and waits for each to be set off."""
    hits = {}
    for _ in place.trouble(0.05, 0.3):
        action, pattern = place.numbers.choice(rules)
        rule = proxy.arm(Rule(action, pattern, pause=place.numbers.uniform(0.1, 0.4)))
        end = time.monotonic() + 5
        while rule.hits == 0 and time.monotonic() < end:
            time.sleep(0.01)
        proxy.disarm()
        if rule.hits:
            hits[action] = hits.get(action, 0) + 1
            time.sleep(rule.pause)
            place.heal()
            place.check_progress()
    place.notes.append(", ".join(f"{action} {count}" for action, count in sorted(hits.items())))
    if not hits:
        place.wrong.append("no message was cut: the scenario proves nothing")


@through_proxy
def commit_cut(place, proxy):
    """The connection is cut at a COMMIT: before the server got it, after the server got it and before its answer came
    back, at the same moment, or in one direction only.

    Holds: a daemon that does not know how its transaction ended repeats it, and nothing is lost, doubled or charged.
    """
    place.start(port=proxy.port)
    strike(place, proxy, [(action, COMMIT) for action in ("before", "after", "racing", "half-server", "half-client")])
    place.drain()


@through_proxy
def claim_cut(place, proxy):
    """The connection is cut at a claim: the server has made it and the daemon never hears of it, or hears of the cut
    before the server hears of the claim.

    Holds: what such a claim took is given back uncharged, soon.
    """
    place.start(port=proxy.port)
    strike(place, proxy, [(action, CLAIM) for action in ("before", "after", "racing", "late", "half-client")])
    place.drain()


@through_proxy
def network(place, proxy):
    """Delays of up to 60 ms on every packet, cuts after a random number of bytes, a second of silence with and without
    an end, all connections cut at once.

    Holds: nothing is lost, doubled or charged.
    """
    place.allows_away = True
    place.start(port=proxy.port)
    proxy.set_delay(0, 0.06, random.Random(place.numbers.random()))
    for _ in place.trouble(0.3, 0.9):
        kind = place.numbers.choice(["cut", "cut", "stall", "blackhole", "all"])
        if kind == "all":
            proxy.cut_all()
        elif kind == "cut":
            # Of every connection: what has sent more than that already goes with its next message.
            proxy.arm(Rule("racing", after_bytes=place.numbers.randrange(1, 20_000), times=3))
        else:
            proxy.arm(Rule(kind, after_bytes=1, pause=1, times=2))
            time.sleep(1)
        place.heal()
    proxy.disarm()
    proxy.set_delay(0, 0, None)
    place.drain()
