"""Starts one engine once, in a fresh process: glossator, or a peer by its own script. Returns what it measured."""

import json
import os
import pathlib
import subprocess
import tempfile

# By the number format in which an engine is told to compute; what it really does depends on the processor.
PEERS = {
    "fp32": ["st-fp32", "ov-fp32", "ct2-float32", "ort-opt"],
    "bf16": ["ov-bf16", "st-bf16"],
    "int8": ["ov-int8", "ov-int8bf16", "ct2-int8_float32", "ort-int8", "ort-int8pc"],
}
# What every embedding is compared with.
REFERENCE = "st-fp32"
OURS = "glossator"

# Texts of each corpus; 0 is all. "usual" is what the peers' own job lists take.
SIZES = {
    "smoke": {"minilm": {"sentences": 64, "documents": 16}, "bertbase": {"sentences": 32, "documents": 8}},
    "usual": {"minilm": {"sentences": 1000, "documents": 150}, "bertbase": {"sentences": 320, "documents": 64}},
    "whole": {"minilm": {"sentences": 0, "documents": 0}, "bertbase": {"sentences": 0, "documents": 0}},
}


class Failed(Exception):
    """An engine that did not run; the message is its last line about an error."""


class Engines:
    def __init__(self, binary, scripts, work, python, out, timeout):
        self.binary = str(pathlib.Path(binary).resolve())
        self.scripts = str(pathlib.Path(scripts).resolve())
        self.work = str(pathlib.Path(work).resolve())
        self.python = python
        self.embeddings = pathlib.Path(out).resolve() / "embeddings"
        self.timeout = timeout

    def corpus(self, name):
        return f"{self.work}/data/{name}.txt"

    def model(self, name):
        return f"{self.work}/hf/{name}"

    def embedding(self, model, corpus, limit, engine):
        """Where an engine's embeddings of these texts lie: fp32, with numpy's header when a peer wrote them."""
        suffix = "f32" if engine.startswith(OURS) else "npy"
        return self.embeddings / str(limit) / f"{model}.{corpus}.{engine}.{suffix}"

    def ours(self, precision, model, corpus, limit, threads):
        target = self.embedding(model, corpus, limit, f"{OURS}-{precision}")
        target.parent.mkdir(parents=True, exist_ok=True)
        command = [
            self.binary, "bench", "inference", "--model", self.model(model), "--texts", self.corpus(corpus),
            "--limit", str(limit), "--threads", str(threads), "--rounds", "1", "--format", "json",
            "--embeddings-out", str(target),
        ]
        if precision != "fp32":
            command += ["--precision", precision]
        report = json.loads(self._run(command))
        middle = lambda key: report[key]["median"]
        return {
            "texts": report["texts"], "tokens": report["tokens"], "texts_s": middle("texts_per_second"),
            "tok_s": middle("tokens_per_second"), "gflops": middle("gflops"), "hwm_mib": report["peak_memory_mib"],
            "load_s": report["load_seconds"], "ready_s": report["ready_seconds"],
            "others_cores": middle("other_processors"), "in_force": report["precision"],
        }

    def peer(self, variant, model, corpus, limit, threads):
        target = self.embedding(model, corpus, limit, variant)
        target.parent.mkdir(parents=True, exist_ok=True)
        record = self._peer_log([
            "infer.py", "--work", self.work, "--variant", variant, "--model", model, "--threads", str(threads),
            "--corpora", corpus, f"--limit-{corpus}", str(limit), "--emb", str(target.parent),
        ])[-1]
        keys = ["texts", "tokens", "texts_s", "tok_s", "gflops", "hwm_mib", "load_s", "others_cores"]
        return {key: record[key] for key in keys}

    def our_tokenizer(self, corpus):
        report = json.loads(self._run([
            self.binary, "bench", "tokenizer", "--model", self.model("minilm"), "--texts", self.corpus(corpus),
            "--rounds", "1", "--format", "json",
        ]))
        middle = lambda key: report[key]["median"]
        return [{
            "engine": OURS, "corpus": corpus, "texts_s": middle("texts_per_second"), "tok_s": middle("tokens_per_second"),
            "mb_s": middle("megabytes_per_second"), "others_cores": middle("other_processors"),
        }]

    def peer_tokenizer(self):
        """Every way of calling it, on both corpora, one thread."""
        records = self._peer_log([
            "tokbench.py", "--work", self.work, "--threads", "1", "--repeats", "1", "--repeat-corpus", "6",
        ])
        return [{
            "engine": record["call"], "corpus": record["corpus"], "texts_s": record["texts"] / record["s"],
            "tok_s": record["tok_s"], "mb_s": record["mb_s"], "others_cores": record["others_cores"],
        } for record in records]

    def _peer_log(self, arguments):
        with tempfile.TemporaryDirectory() as folder:
            log = pathlib.Path(folder) / "log"
            self._run([self.python, *arguments, "--log", str(log)], folder=self.scripts)
            return [json.loads(line) for line in log.read_text().splitlines()]

    def _run(self, command, folder=None):
        # The scripts' folder may be one that nobody may write into.
        environment = dict(os.environ, PYTHONDONTWRITEBYTECODE="1")
        try:
            result = subprocess.run(
                command, cwd=folder, env=environment, capture_output=True, text=True, timeout=self.timeout)
        except subprocess.TimeoutExpired:
            raise Failed(f"not over after {self.timeout} s") from None
        if result.returncode != 0:
            lines = [line.strip() for line in result.stderr.splitlines() if line.strip()]
            telling = [line for line in lines if "error" in line.lower()] or lines
            raise Failed(telling[-1][:200] if telling else f"exit code {result.returncode}")
        return result.stdout
