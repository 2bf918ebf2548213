"""The month as a drawing: SVG by hand, readable on light and on dark ground."""

from xml.sax.saxutils import escape

import judge

WIDTH, LEFT, RIGHT, GAP = 880, 56, 16, 34
# Measure, title, height of the panel.
PANELS = [
    (judge.ACCURACY, "Accuracy, questions to a bank", 190),
    (judge.F1, "Entity F1, tweets", 190),
    (judge.RECALL, "Recall of the class that is new", 110),
]
STYLE = """
    .ground { fill: #ffffff; } text { fill: #33383e; font: 12px system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
    .title { font-weight: 600; font-size: 13px; } .small { font-size: 11px; fill: #5a6068; }
    .end { text-anchor: end; } .middle { text-anchor: middle; }
    .grid { stroke: #d9dce0; } .axis { stroke: #5a6068; }
    .noisy { fill: #e0662a; fill-opacity: 0.16; } .born { stroke: #7a5bb0; stroke-dasharray: 4 3; } .bornword { fill: #6a4ba0; }
    .force { fill: none; stroke: #0b62a8; stroke-width: 2.5; stroke-linejoin: round; }
    .promoted { fill: #0b62a8; stroke: #0b62a8; } .kept { fill: #ffffff; stroke: #5a6068; stroke-width: 1.5; }
    .refused { stroke: #b8400c; stroke-width: 2.2; fill: none; }
    @media (prefers-color-scheme: dark) {
      .ground { fill: #16181b; } text { fill: #e6e8ea; } .small { fill: #a3a9b1; }
      .grid { stroke: #3a3f45; } .axis { stroke: #a3a9b1; }
      .noisy { fill: #ff9a5c; fill-opacity: 0.2; } .born { stroke: #b79af0; } .bornword { fill: #c9b2f5; }
      .force { stroke: #74bdff; } .promoted { fill: #74bdff; stroke: #74bdff; }
      .kept { fill: #16181b; stroke: #a3a9b1; } .refused { stroke: #ff9a7a; }
    }
"""


def svg(nights, scores, new_class_night):
    """`nights` as month.py records them; `scores` by model."""
    step = (WIDTH - LEFT - RIGHT) / len(nights)

    def x(night):
        return LEFT + (night - 0.5) * step

    parts, top = [legend()], 62
    for measure, title, height in PANELS:
        parts += panel(measure, title, top, height, nights, scores, x, step, new_class_night)
        top += height + GAP
    axis = top - GAP + 16
    parts += [f'<text class="small middle" x="{x(n):.1f}" y="{axis}">{n}</text>'
              for n in range(1, len(nights) + 1) if n == 1 or n % 5 == 0]
    parts.append(f'<text class="small middle" x="{WIDTH / 2}" y="{axis + 18}">night</text>')
    height = axis + 30
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img" aria-labelledby="t d">
  <title id="t">A simulated month</title>
  <desc id="d">{escape(description(nights, scores))}</desc>
  <style>{STYLE}  </style>
  <rect class="ground" width="{WIDTH}" height="{height}"/>
  """ + "\n  ".join(parts) + "\n</svg>\n"


def description(nights, scores):
    first = next((night["in_force"] for night in nights if night["in_force"] in scores), None)
    last = nights[-1]["in_force"]
    if first is None or last not in scores:
        return "No model came into force."
    return "; ".join(
        f"{measure} of the model in force on the untouched test set goes from {scores[first].value(measure):.3f} to "
        f"{scores[last].value(measure):.3f}" for measure, _, _ in PANELS)


def legend():
    shown = [
        ('<path class="force" d="M0 0 h26"/>', 34, "model in force"),
        ('<circle class="promoted" cx="13" cy="0" r="4.2"/>', 26, "candidate, promoted"),
        ('<circle class="kept" cx="13" cy="0" r="4"/>', 26, "candidate, not promoted"),
        ('<rect class="noisy" x="4" y="-9" width="18" height="18"/>' + cross(13, 0, 4), 30, "noisy night, its candidate"),
    ]
    x, parts = LEFT, []
    for mark, width, words in shown:
        parts.append(f'<g transform="translate({x} 20)">{mark}<text x="{width}" y="4">{words}</text></g>')
        x += width + 7 * len(words) + 22
    return "".join(parts)


def cross(x, y, size):
    return (f'<path class="refused" d="M{x - size:.1f} {y - size:.1f} l{2 * size} {2 * size} '
            f'm0 {-2 * size} l{-2 * size} {2 * size}"/>')


def panel(measure, title, top, height, nights, scores, x, step, new_class_night):
    values = [scores[model].value(measure) for night in nights
              for model in (night["candidate"], night["in_force"]) if model in scores]
    low = 0.0 if measure == judge.RECALL else int(min(values, default=0) * 10) / 10
    high = 1.0 if measure == judge.RECALL else min(1.0, int(max(values, default=1) * 10 + 1) / 10)

    def y(value):
        return top + height * (1 - (value - low) / (high - low))

    parts = [f'<text class="title" x="{LEFT}" y="{top - 8}">{title}</text>']
    for night in nights:
        if night["noise"]:
            parts.append(f'<rect class="noisy" x="{x(night["night"]) - step / 2:.1f}" y="{top}" width="{step:.1f}" '
                         f'height="{height}"><title>{escape(night["noise"])}</title></rect>')
    for tick in range(round(low * 10), round(high * 10) + 1):
        if measure == judge.RECALL and tick % 5:
            continue
        at = y(tick / 10)
        kind = "axis" if tick == round(low * 10) else "grid"
        parts.append(f'<path class="{kind}" d="M{LEFT} {at:.1f} H{WIDTH - RIGHT}"/>'
                     f'<text class="small end" x="{LEFT - 6}" y="{at + 4:.1f}">{tick / 10:.1f}</text>')
    born = x(new_class_night) - step / 2
    parts.append(f'<path class="born" d="M{born:.1f} {top} V{top + height}"/>')
    if measure == judge.RECALL:
        parts.append(f'<text class="bornword end" x="{born - 6:.1f}" y="{top + 16}">its first gold</text>')
    parts.append(force(measure, nights, scores, x, y, step))
    for night in nights:
        if night["candidate"] not in scores:
            continue
        at, value = x(night["night"]), scores[night["candidate"]].value(measure)
        words = escape(f'night {night["night"]}, {night["candidate"]}: {measure} {value:.3f}, {night["status"]}. {night["message"]}')
        mark = (f'<circle class="promoted" cx="{at:.1f}" cy="{y(value):.1f}" r="4.2"/>' if night["status"] == "promoted"
                else cross(at, y(value), 4) if night["noise"]
                else f'<circle class="kept" cx="{at:.1f}" cy="{y(value):.1f}" r="4"/>')
        parts.append(f"<g>{mark}<title>{words}</title></g>")
    return parts


def force(measure, nights, scores, x, y, step):
    """A level from the night on which a model came into force to the one that replaced it."""
    path, last = "", None
    for night in nights:
        if night["in_force"] not in scores:
            continue
        value = scores[night["in_force"]].value(measure)
        at = x(night["night"])
        path += f"M{at:.1f} {y(value):.1f}" if last is None else f" H{at:.1f}" + (f" V{y(value):.1f}" if value != last else "")
        last = value
    return f'<path class="force" d="{path}{f" H{x(len(nights)) + step / 2:.1f}" if path else ""}"/>'
