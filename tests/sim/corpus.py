"""Seeds that have failed once, and what they found: they are always played.

A seed is what the drawing makes of it: where that is changed, what was found is to be found again.
"""

from __future__ import annotations

from typing import Final

WHOLE: Final[dict[int, str]] = {
    31: "a request that outlasts a drain's grace was told 503, and the log said that its client had gone",
    205: "Hypercorn closes a connection whose last request it has not read whole, without having said so",
    284: "the same while memory is short",
    73: "what was spent behind a parcel under way was lost when a worker ended",
    75: "a stream whose provider's actor died was billed once, and told the log another sum afterwards",
    69: "Hypercorn ended a connection that pipelined more than it read at once, when a head's time was over",
    389: "an answer that came whole in the very moment in which it was given up ended with an error",
    590: "on Hypercorn who outlasted a drain's grace got an empty 500, which no client could read",
    926: "a response whose deadline had passed waited for a mute store to keep it",
    5: "a response in the background that nobody could ask for was promised",
    213: "a thought that Google had signed went to Anthropic",
    368: "what ran in the background had a grace of its own in a drain",
    1867: "an event that is JSON but no chunk crashed a request whose tools the gateway runs",
    36: "who waited alone for an answer that others could join, until its time was over, had a line without a status",
    55: "who read along with a stream that broke had the line of a whole answer",
    4952: "a check held it against who went on with an answer that the client did not see it think anew",
    6450: "a check took it for an answer that a body which is no JSON is refused for want of memory",
    5231: "a first byte of NUL was taken for an event that had been learnt, and hid the error behind it",
    5174: "who waited alone for an answer that others could join, until its time was over amid it, had left by the log",
    2000: "who was cut by the end of a drain's grace amid an answer that others could join had left, by the log",
    4549: "a call that waited for its second key, and that was refused meanwhile, was asked with its first one again",
    6827: "a check missed the signature of a model that had also answered, and had not been told",
    7110: "a check took it for a mistake that a model is told of the functions whose calls it is told of",
    1076: "a lease whose answer was lost never came back where its bucket's actor had died meanwhile",
}
"""Of whole gateways."""
BARE: Final[dict[int, str]] = {
    25: "the breakers of a dead provider were still heard of: its successor's was shown as open",
    30: "the same",
    75: "the same",
    63: "who waited behind one that left the queue was not looked at, though there was room",
    276: "what a stream's reader freed was of no use to who waited for memory, until a call ended",
    100: "a key that was throttled and refused at once was asked while it was to be left alone",
    80: "the check took who waits in the queue while a breaker opens, and is its probe then, for one who got past it",
}
"""Of the actors alone."""
