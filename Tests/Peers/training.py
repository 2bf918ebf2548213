#!/usr/bin/env python3
"""Training steps of Glossator and of PyTorch, in turns: a classifier on the mean-pooled states and a tagger on every token of
one encoder, AdamW, dropout 0.1, fp32. Prints a row a setting: medians over the rounds, and the least and the greatest ratio
within a round.

    GLOSSATOR_PEERS_PYTHON=PYTHON GLOSSATOR_PEERS_WORK=WORK Tests/Peers/training.py --models minilm --texts rows.txt

PYTHON has torch and transformers; WORK/hf holds the models. PyTorch pads a batch to its longest text, as everybody does.
"""
import argparse, json, os, statistics, subprocess, sys, time

HERE = os.path.dirname(os.path.abspath(__file__))


def parse():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--program", default=f"{HERE}/../../.build/release/glossator")
    p.add_argument("--models", default="minilm")
    p.add_argument("--freeze", default="none", help="none, or layers:SPEC with every layer from the bottom")
    p.add_argument("--batch", type=int, default=16)
    p.add_argument("--tokens", type=int, default=64, help="of each row, where no texts are given")
    p.add_argument("--texts", help="file with a text a line: rows of their lengths")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--seconds", type=int, default=4)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--torch", help=argparse.SUPPRESS)
    return p.parse_args()


def frozen_layers(spec):
    """(embeddings are frozen, frozen layers)"""
    if spec == "none":
        return False, set()
    layers, embeddings = set(), False
    for item in spec.removeprefix("layers:").split(","):
        if item == "embeddings":
            embeddings = True
        else:
            ends = [int(x) for x in item.split("-")]
            layers |= set(range(ends[0], ends[-1] + 1))
    return embeddings, layers


def run_torch(a):
    os.environ.update(HF_HUB_OFFLINE="1", OMP_NUM_THREADS=str(a.threads), MKL_NUM_THREADS=str(a.threads))
    import torch
    from transformers import AutoModel, AutoTokenizer
    torch.set_num_threads(a.threads)
    torch.manual_seed(1)
    encoder = AutoModel.from_pretrained(a.torch, add_pooling_layer=False).train()
    hidden = encoder.config.hidden_size
    label, names, drop = torch.nn.Linear(hidden, 4), torch.nn.Linear(hidden, 9), torch.nn.Dropout(.1)
    embeddings, layers = frozen_layers(a.freeze)
    if embeddings:
        encoder.embeddings.requires_grad_(False).eval()
    for layer in layers:
        encoder.encoder.layer[layer].requires_grad_(False).eval()
    lengths = [a.tokens] * (8 * a.batch)
    if a.texts:
        tokenizer = AutoTokenizer.from_pretrained(a.torch)
        texts = open(a.texts, encoding="utf-8").read().splitlines()
        lengths = [min(len(x), 256) for x in tokenizer(texts)["input_ids"]]
    order = torch.randperm(len(lengths), generator=torch.Generator().manual_seed(2)).tolist()
    batches = [[lengths[i] for i in order[k:k + a.batch]] for k in range(0, len(order) - a.batch + 1, a.batch)]
    parameters = [*encoder.parameters(), *label.parameters(), *names.parameters()]
    optimizer = torch.optim.AdamW([p for p in parameters if p.requires_grad], lr=5e-5)
    loss_of = torch.nn.functional.cross_entropy

    def step(k):
        rows = batches[k % len(batches)]
        width = max(rows)
        ids = torch.randint(1000, 30000, (len(rows), width))
        mask = (torch.arange(width)[None] < torch.tensor(rows)[:, None]).long()
        tags = torch.where(mask == 1, torch.randint(0, 9, ids.shape), -100)
        states = encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        weight = mask[..., None].to(states.dtype)
        pooled = (states * weight).sum(1) / weight.sum(1)
        loss = loss_of(label(drop(pooled)), torch.randint(0, 4, (len(rows),)))
        loss = loss + loss_of(names(drop(states)).reshape(-1, 9), tags.reshape(-1))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    for k in range(2):
        step(k)
    start = time.perf_counter()
    for k in range(2, 4):
        step(k)
    count = max(3, int(a.seconds / (time.perf_counter() - start) * 2))
    times = []
    for _ in range(3):
        start = time.perf_counter()
        for k in range(count):
            step(k)
        times.append((time.perf_counter() - start) / count)
    peak = next(int(x.split()[1]) / 1024 for x in open("/proc/self/status") if x.startswith("VmHWM"))
    print(json.dumps({"step_ms": statistics.median(times) * 1e3, "peak": peak}))


def last_json(command):
    out = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    return json.loads(out[out.index("{"):])


def main():
    a = parse()
    if a.torch:
        return run_torch(a)
    work, python = os.environ["GLOSSATOR_PEERS_WORK"], os.environ["GLOSSATOR_PEERS_PYTHON"]
    common = ["--freeze", a.freeze, "--batch", str(a.batch), "--threads", str(a.threads), "--seconds", str(a.seconds)]
    common += ["--texts", a.texts] if a.texts else ["--tokens", str(a.tokens)]
    print("| model | rows | freeze | ms a step | PyTorch | ratio | least–most | peak MiB | PyTorch |")
    print("|---|---|---|--:|--:|--:|---|--:|--:|")
    for model in a.models.split(","):
        ours, theirs = [], []
        for number in range(a.rounds):
            runs = [
                lambda: ours.append(last_json(
                    [a.program, "bench", "training", "--model", f"{work}/hf/{model}", "--format", "json", *common])),
                lambda: theirs.append(last_json([python, __file__, "--torch", f"{work}/hf/{model}", *common])),
            ]
            for run in runs if number % 2 == 0 else reversed(runs):
                run()
        mine = [x["step_ms"]["median"] for x in ours]
        other = [x["step_ms"] for x in theirs]
        ratios = [y / x for x, y in zip(mine, other)]
        rows = "real" if a.texts else f"{a.batch} × {a.tokens}"
        print(f"| {model} | {rows} | {a.freeze} | {statistics.median(mine):.0f} | {statistics.median(other):.0f} "
              f"| {statistics.median(other) / statistics.median(mine):.2f} | {min(ratios):.2f}–{max(ratios):.2f} "
              f"| {max(x['peak_memory_mib'] for x in ours):.0f} | {max(x['peak'] for x in theirs):.0f} |", flush=True)


sys.exit(main())
