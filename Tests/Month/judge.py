"""What is true of a model on the untouched test set, and what must be true of the month. No database, no process."""

import math
import random

RESAMPLES = 2_000
ACCURACY, F1, RECALL = "accuracy", "entity F1", "recall of the new class"


class Scores:
    """One model on the test set, a document at a time, so that two models can be compared in pairs."""

    def __init__(self, questions, tweets, new_class):
        """`questions`: (gold, answer) a question; `tweets`: (gold spans, found spans) a tweet."""
        # Each row is a numerator and a denominator: a score is the ratio of their sums.
        self.rows = {
            ACCURACY: [(int(gold == answer), 1) for gold, answer in questions],
            F1: [(2 * len(set(gold) & set(found)), len(set(gold)) + len(set(found))) for gold, found in tweets],
            RECALL: [(int(gold == answer), 1) for gold, answer in questions if gold == new_class],
        }

    def value(self, measure):
        return ratio(self.rows[measure])

    @property
    def values(self):
        return {measure: self.value(measure) for measure in self.rows}


def ratio(rows):
    above, below = sum(row[0] for row in rows), sum(row[1] for row in rows)
    return above / below if below else 0.0


def difference(before, after, measure, seed=1):
    """(estimate, lower, upper) of after - before: paired bootstrap over the test set's documents, each end one-sided 95 %."""
    pairs = [(*a, *b) for a, b in zip(before.rows[measure], after.rows[measure])]
    numbers = random.Random(f"{seed} {measure}")

    def of(sums):
        return (sums[2] / sums[3] if sums[3] else 0.0) - (sums[0] / sums[1] if sums[1] else 0.0)

    found = []
    for _ in range(RESAMPLES):
        drawn = numbers.choices(pairs, k=len(pairs))
        found.append(of([sum(column) for column in zip(*drawn)]))
    found.sort()
    return of([sum(column) for column in zip(*pairs)]), found[RESAMPLES // 20 - 1], found[-(RESAMPLES // 20)]


def margin(rule, documents):
    """The gate's tolerance with so many held-out documents, as PromotionRule.margin computes it."""
    return rule["margin"] * math.sqrt(max(1.0, rule["marginRows"] / max(documents, 1)))


def worse_promotions(nights, scores):
    """Promotions that made the model worse on the test set by more than the gate's tolerance, in words.

    The test set is a sample too: a loss counts when even the upper end of its interval lies below minus the margin. So
    what is allowed is the margin plus the sampling error of a paired difference on the test set.
    """
    wrong = []
    for night in nights:
        if night["status"] != "promoted" or night["before"] not in scores:
            continue
        for measure, task in ((ACCURACY, "topic"), (F1, "entities")):
            found = next((t for t in night["gate"]["tasks"] if t["task"] == task and t.get("before") is not None), None)
            if found is None:
                continue
            allowed = margin(night["gate"]["rule"], found["documents"])
            if "margin" in found and abs(found["margin"] - allowed) > 1e-9:
                wrong.append(f"night {night['night']}: the gate's margin was {found['margin']}, and here it is {allowed}")
            estimate, _, upper = difference(scores[night["before"]], scores[night["candidate"]], measure)
            night.setdefault("test", {})[measure] = {"difference": estimate, "upper": upper, "margin": allowed}
            if upper < -allowed:
                wrong.append(f"night {night['night']} promoted a model with {measure} {estimate:+.3f} (at best {upper:+.3f}) "
                             f"on the test set; the gate tolerates {-allowed:.3f}")
    return wrong


def violations(nights, scores, bounds):
    """Everything that is wrong with the month, in words; empty when nothing is."""
    wrong = worse_promotions(nights, scores)
    wrong += [f"night {night['night']}: the run {night['status']}: {night['message']}"
              for night in nights if night["status"] not in ("promoted", "kept")]
    wrong += [f"night {night['night']} was noisy ({night['noise']}), and its candidate came into force: {night['message']}"
              for night in nights if night["noise"] and night["status"] == "promoted"]
    first = next((night["in_force"] for night in nights if night["in_force"] in scores), None)
    last = nights[-1]["in_force"]
    if first is None or last not in scores:
        return wrong + ["no model ever came into force"]
    recall = scores[last].value(RECALL)
    if recall < bounds["recall"]:
        wrong.append(f"the last model finds {recall:.2f} of the new class; at least {bounds['recall']} was expected")
    for measure in (ACCURACY, F1):
        estimate, lower, _ = difference(scores[first], scores[last], measure)
        if lower < bounds[measure]:
            wrong.append(f"{measure} of the last model is {estimate:+.3f} (at least {lower:+.3f}) above the first one's; "
                         f"at least {bounds[measure]} was expected")
    return wrong
