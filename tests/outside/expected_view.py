"""What a report must say of a view, computed again from the exported surveys alone.

The formulas are those of `expected`. Here is what a view counts: days of the business's zone, filters, groups, and
which scores too few answers stand behind.
"""

from collections import Counter, defaultdict
from datetime import datetime, time, timedelta, timezone

import expected
from harness import parse

FILTERS = ("account", "team", "agent", "tag", "language", "source", "rule")


class View:
    """`filters` are pairs of a key and a value; an empty value asks for those without."""

    def __init__(self, zone, first, last, by="", kind=None, filters=(), against="before", back=None):
        self.zone, self.first, self.last = zone, first, last
        self.by, self.kind, self.filters, self.against, self.back = by, kind, list(filters), against, back

    def __repr__(self):
        return f"{self.first} to {self.last} {self.query()}"

    def query(self):
        pairs = [("from", self.first.isoformat()), ("to", self.last.isoformat()), ("against", self.against)]
        pairs += [("by", self.by)] * bool(self.by) + [("question", self.kind)] * bool(self.kind)
        return pairs + self.filters

    def before(self):
        days = (self.last - self.first).days + 1
        back = {"none": None, "before": days, "year": 364 * ((days - 1) // 364 + 1)}[self.against]
        if back is None:
            return None
        back = timedelta(days=back)
        return View(self.zone, self.first - back, self.last - back, self.by, self.kind, self.filters, "none")

    def without(self, key):
        filters = [pair for pair in self.filters if pair[0] != key]
        return View(self.zone, self.first, self.last, "", self.kind, filters, "none")

    def holds(self, instant):
        """Days begin and end with the midnights of the zone, whatever its clocks do between them."""
        if instant is None:
            return False
        begin = datetime.combine(self.first, time(0), self.zone).astimezone(timezone.utc)
        end = datetime.combine(self.last + timedelta(days=1), time(0), self.zone).astimezone(timezone.utc)
        return begin <= parse(instant) < end

    def takes(self, row):
        if row["test"] or (self.kind and row["type"] != self.kind):
            return False
        for key in {key for key, _ in self.filters}:
            wanted = {value or None for asked, value in self.filters if asked == key}
            if not wanted & set(values(row, key)):
                return False
        return True

    def keys(self, row, instant):
        if not self.by:
            return ["all"]
        if self.by == "week":
            year, week, _ = parse(instant).astimezone(self.zone).isocalendar()
            return [f"{year}-W{week:02}"]
        return values(row, self.by)


def values(row, key):
    if key == "tag":
        return sorted(set(row["tags"])) if row["tags"] else [None]
    if key == "question":
        return [f"{row['type']} {row['question_variant_id']}"]
    if key == "rule":
        return ["important"] if "vip" in (row["tags"] or []) else [None]
    return [row[key]]


class Groups:
    """The closes and prompts of a view by group, and how many answers stand behind each set of groups."""

    def __init__(self, rows, view):
        self.closes, self.prompts, self.sets = defaultdict(list), defaultdict(list), defaultdict(Counter)
        self.answered = Counter()
        for row in filter(view.takes, rows):
            if view.holds(row["closed_at"]):
                for key in view.keys(row, row["closed_at"]):
                    self.closes[key, row["type"]].append(row)
            if view.holds(row["sent_at"]):
                keys = view.keys(row, row["sent_at"])
                for key in keys:
                    self.prompts[key, row["type"]].append(row)
                if row["score"] is not None:
                    self.sets[row["type"]][tuple(keys)] += 1
                    self.answered[row["type"]] += 1

    def names(self):
        def place(name):
            key, kind = name
            word, _, number = (key or "").partition(" ")
            is_question = word in ("csat", "nps") and number.isdigit()
            return (key is None, (word, int(number)) if is_question else (key or "", 0), kind)

        return sorted({*self.closes, *self.prompts}, key=place)


def scores(prompts):
    return [row["score"] for row in prompts if row["score"] is not None]


def seconds(prompts):
    return [(parse(row["scored_at"]) - parse(row["sent_at"])).total_seconds() for row in prompts if row["scored_at"]]


def group(key, kind, closes, prompts, hidden, now, fresh_days):
    """All that a group says. Why it is hidden is given."""
    given = scores(prompts)
    reasons = Counter(row["reason"] for row in closes if row["state"] == "suppressed")
    decided = ("suppressed", "sent", "answered")
    unsent = Counter(row["state"] for row in closes if row["state"] not in decided)
    waiting = [row for row in prompts if row["score"] is None]
    is_shown = given and not hidden
    score = (expected.csat if kind == "csat" else expected.nps)(given) if is_shown else None
    return {
        "key": key,
        "type": kind,
        "closes": len(closes),
        "prompted": len(prompts),
        "answered": len(given),
        "commented": sum(row["text"] is not None for row in prompts),
        "response_rate": 100 * len(given) / len(prompts) if prompts else None,
        "immature": any(now - parse(row["sent_at"]) < timedelta(days=fresh_days) for row in waiting),
        "score": score and {**score, "confidence": 95},
        "mean": sum(given) / len(given) if is_shown and kind == "csat" else None,
        "distribution": [] if hidden else expected.distribution(kind, given),
        "median_response_seconds": expected.median_seconds(seconds(prompts)) if is_shown else None,
        "suppressed": dict(reasons),
        "unsent": dict(unsent),
        "hidden": hidden,
    }


def difference(kind, before, now):
    """Of two distributions. Nothing where either period has no score to show."""
    if not sum(before or []) or not sum(now or []):
        return None
    if kind == "csat":
        return expected.csat_difference(*[(sum(given[3:]), sum(given)) for given in (before, now)])
    return expected.nps_difference(*[(sum(given[9:]), sum(given[7:9]), sum(given[:7])) for given in (before, now)])
