"""Who labels what on which night: a seeded stream of gold from public data sets, three nights of it wrong.

Questions to a bank (banking77) have one label each, tweets (btc) have entities. A night's gold is what people say, `true`
what the data sets say; they differ on noisy nights only, and a reviewer says the truth on the morning after.
"""

import dataclasses
import pathlib
import random

TOPIC, ENTITIES = "topic", "entities"


@dataclasses.dataclass
class Question:
    name: str
    text: str
    label: str
    said: str = ""


@dataclasses.dataclass
class Tweet:
    name: str
    text: str
    # (type, start, end): code points from 0, the end exclusive.
    spans: list
    said: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Night:
    number: int
    questions: list
    tweets: list
    # Documents that nobody labels: they only arrive.
    unlabelled: list
    # What is wrong with the night's gold; empty when nothing is.
    noise: str = ""


@dataclasses.dataclass
class Month:
    nights: list
    new_class: str
    new_class_night: int
    classes: list
    test_questions: list
    test_tweets: list


def read_questions(path):
    """`id<TAB>label<TAB>text` with a header."""
    rows = [line.split("\t") for line in path.read_text(encoding="utf-8").split("\n")[1:] if line]
    return [Question(name, text, label, label) for name, label, text in rows]


def read_tweets(path, prefix):
    """CoNLL with two columns in IOB2; the text is the words with a space between them."""
    tweets = []
    for block in path.read_text(encoding="utf-8").split("\n\n"):
        rows = [line.split("\t") for line in block.split("\n") if line]
        if rows:
            text, spans = spans_of(rows)
            tweets.append(Tweet(f"{prefix}-{len(tweets):06}", text, spans, spans))
    return tweets


def spans_of(rows):
    text, spans, begun = "", [], None
    for word, tag in rows:
        text += (" " if text else "") + word
        start = len(text) - len(word)
        if begun and tag != "I-" + begun[0]:
            spans.append(begun)
            begun = None
        if tag.startswith("B-"):
            begun = (tag[2:], start, len(text))
        elif begun:
            begun = (*begun[:2], len(text))
    return text, spans + [begun] if begun else spans


# Noise: each kind is something that happens to people, and is wrong in every row that it touches.

def slipped(questions, tweets, _, classes):
    """labels slipped by one row; types of entities taken for one another"""
    for question, other in zip(questions, questions[-1:] + questions[:-1]):
        question.said = other.label
    types = sorted({kind for tweet in tweets for kind, _, _ in tweet.spans})
    following = dict(zip(types, types[1:] + types[:1]))
    for tweet in tweets:
        tweet.said = [(following[kind], start, end) for kind, start, end in tweet.spans]


def exchanged(questions, tweets, numbers, classes):
    """each label taken for another one, always the same; no entity marked at all"""
    shuffled = classes[:]
    numbers.shuffle(shuffled)
    following = dict(zip(shuffled, shuffled[1:] + shuffled[:1]))
    for question in questions:
        question.said = following[question.label]
    for tweet in tweets:
        tweet.said = []


def guessed(questions, tweets, numbers, classes):
    """labels drawn at random; entities marked one word too far to the right"""
    for question in questions:
        question.said = numbers.choice([label for label in classes if label != question.label])
    for tweet in tweets:
        tweet.said = [moved for span in tweet.spans if (moved := next_word(tweet.text, span))]


def next_word(text, span):
    start = span[2] + 1
    if start >= len(text):
        return None
    end = text.find(" ", start)
    return span[0], start, end if end > 0 else len(text)


NOISE = {9: slipped, 15: exchanged, 23: guessed}


def draw(data, options):
    """The month. Everything that is random follows from the seed."""
    numbers = random.Random(f"month {options.seed}")
    data = pathlib.Path(data)
    test = read_questions(data / "banking77/test.tsv")
    pool = read_questions(data / "banking77/train.tsv")
    counts = {}
    for question in pool:
        counts[question.label] = counts.get(question.label, 0) + 1
    # The largest classes, so that none runs dry.
    classes = sorted(counts, key=lambda label: (-counts[label], label))[:options.classes]
    new_class, known = classes[0], sorted(classes[1:])
    test_questions = sample_by_class(test, classes, options.test_questions, numbers)
    test_tweets = numbers.sample(read_tweets(data / "btc/test.conll", "test"), options.test_tweets)
    seen = {document.text for document in test_questions + test_tweets}

    def fresh(documents):
        """In a seeded order; each text once, and none of the test set's."""
        taken, kept = set(seen), []
        for document in numbers.sample(documents, len(documents)):
            if document.text not in taken:
                taken.add(document.text)
                kept.append(document)
        return kept

    questions = fresh([q for q in pool if q.label in known])
    new = fresh([q for q in pool if q.label == new_class])
    tweets = fresh(read_tweets(data / "btc/train.conll", "tweet"))
    nights = []
    for number in range(1, options.nights + 1):
        noise = NOISE.get(number)
        more = options.noise_factor if noise else 1
        count = round(options.questions * more)
        share = 0
        if number >= options.new_class_night:
            share = options.new_class_first if number == options.new_class_night else options.new_class_usual
            share = min(round(share * more), count, len(new))
        night = Night(
            number, take(questions, count - share) + take(new, share), take(tweets, round(options.tweets * more)),
            take(questions, options.unlabelled))
        numbers.shuffle(night.questions)
        if noise:
            night.noise = noise.__doc__
            noise(night.questions, night.tweets, numbers, known + ([new_class] if share else []))
        nights.append(night)
    return Month(nights, new_class, options.new_class_night, sorted(classes), test_questions, test_tweets)


def take(pool, count):
    if len(pool) < count:
        raise SystemExit("the data sets have too few rows for such a month: fewer --questions, --tweets or --unlabelled")
    taken, pool[:] = pool[:count], pool[count:]
    return taken


def sample_by_class(questions, classes, count, numbers):
    """As many of each class, so that every class weighs the same."""
    chosen = []
    for label in classes:
        own = [question for question in questions if question.label == label]
        chosen += numbers.sample(own, min(len(own), count // len(classes)))
    return chosen
