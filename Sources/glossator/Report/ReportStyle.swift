/// How a report looks: light, dark, on a phone and on paper. No file, font or image is loaded.
enum ReportStyle {
    static let sheet: StaticString = """
        :root {
          color-scheme: light dark;
          --ground: #fdfdfc; --ink: #1c1e21; --soft: #5a6068; --line: #d9dce0; --panel: #f3f4f5;
          --training: #0b62a8; --validation: #b04a08; --score: #0a7365; --right: 11 98 168; --wrong: 190 60 20;
          --good: #0a7365; --bad: #a8300d;
        }
        @media screen and (prefers-color-scheme: dark) {
          :root {
            --ground: #16181b; --ink: #e6e8ea; --soft: #a3a9b1; --line: #3a3f45; --panel: #202327;
            --training: #74bdff; --validation: #ffb074; --score: #5ed9c4; --right: 70 150 230; --wrong: 240 110 60;
            --good: #5ed9c4; --bad: #ff9a7a;
          }
        }
        * { box-sizing: border-box; }
        body {
          margin: 0 auto; padding: 1rem clamp(0.75rem, 3vw, 2rem) 3rem; max-width: 64rem;
          background: var(--ground); color: var(--ink);
          font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
          overflow-wrap: anywhere;
        }
        h1 { font-size: 1.6rem; line-height: 1.25; margin: 0.5rem 0; }
        h2 { font-size: 1.3rem; margin: 2.5rem 0 0.75rem; padding-top: 0.75rem; border-top: 1px solid var(--line); }
        h3 { font-size: 1.05rem; margin: 1.75rem 0 0.5rem; }
        p { margin: 0.5rem 0; max-width: 44rem; }
        a { color: var(--training); }
        .note, figcaption, caption, footer { color: var(--soft); font-size: 0.875rem; }
        footer { margin-top: 3rem; border-top: 1px solid var(--line); }
        .verdict strong { padding: 0.1rem 0.5rem; border: 2px solid; border-radius: 0.3rem; }
        .promoted, .better { color: var(--good); } .kept-old, .worse { color: var(--bad); }
        nav ul { display: flex; flex-wrap: wrap; gap: 0.25rem 1.25rem; padding: 0; list-style: none; }

        dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.25rem 1rem; margin: 1.25rem 0; }
        dt { color: var(--soft); } dd { margin: 0; }
        @media (max-width: 34rem) { dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: 0.5rem; } }

        .wide { overflow-x: auto; margin: 0.75rem 0; }
        table { border-collapse: collapse; font-size: 0.9rem; font-variant-numeric: tabular-nums; }
        caption { text-align: left; padding-bottom: 0.35rem; }
        th, td {
          padding: 0.25rem 0.65rem; text-align: left; vertical-align: top;
          border-bottom: 1px solid var(--line); overflow-wrap: normal;
        }
        th { font-weight: 600; } thead th { color: var(--soft); vertical-align: bottom; }
        th bdi, td bdi { display: inline-block; max-width: min(16rem, 45vw); overflow-wrap: break-word; }
        tfoot th { min-width: 7rem; }
        .number { text-align: right; white-space: nowrap; } thead .number { white-space: normal; }
        tfoot th, tfoot td { border-bottom: 0; color: var(--soft); }
        tbody tr:last-child > * { border-bottom-color: var(--soft); }
        .confusion td { min-width: 4.5rem; border: 1px solid var(--line); print-color-adjust: exact; }
        .confusion td.right {
          background: rgb(var(--right) / calc(var(--share) * 0.45));
          outline: 2px solid rgb(var(--right)); outline-offset: -2px;
        }
        .confusion td.wrong { background: rgb(var(--wrong) / calc(var(--share) * 0.55)); }
        .confusion th bdi { max-width: 9rem; }
        .confusion small { color: inherit; opacity: 0.8; }

        .charts {
          display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr));
          gap: 1rem; align-items: start;
        }
        figure { margin: 0.75rem 0; max-width: 34rem; break-inside: avoid; }
        figure:has(.map) { max-width: 46rem; }
        svg { display: block; width: 100%; height: auto; }
        svg text { fill: var(--soft); font-size: 11px; }
        svg .small { font-size: 7.5px; }
        svg .end { text-anchor: end; } svg .middle { text-anchor: middle; }
        .grid { stroke: var(--line); stroke-width: 1; } .axis { stroke: var(--soft); stroke-width: 1; }
        .border { fill: none; stroke: var(--soft); }
        .curve { fill: none; stroke-width: 2; stroke-linejoin: round; }
        .curve.training { stroke: var(--training); }
        .curve.validation { stroke: var(--validation); stroke-dasharray: 6 3; }
        .curve.score { stroke: var(--score); stroke-dasharray: 9 3 2 3; }
        .marker.training { fill: var(--training); } .marker.validation { fill: var(--validation); }
        .marker.score { fill: var(--score); }
        .kept { stroke: var(--ink); stroke-width: 1.25; stroke-dasharray: 2 2; }
        .bar { fill: var(--training); fill-opacity: 0.45; stroke: var(--training); }
        .count { fill: var(--soft); fill-opacity: 0.45; }
        .gap { stroke: var(--validation); stroke-width: 2; }
        .diagonal { stroke: var(--ink); stroke-width: 1.25; stroke-dasharray: 5 4; }
        .map .right { fill: rgb(var(--right)); } .map .wrong { fill: rgb(var(--wrong)); }

        details { margin: 0.75rem 0; } summary { cursor: pointer; }
        .errors { padding-left: 2rem; } .errors li { margin: 0 0 1.1rem; break-inside: avoid; }
        .errors p { max-width: none; margin: 0.25rem 0; }
        blockquote {
          margin: 0.25rem 0; padding: 0.5rem 0.75rem; background: var(--panel); border-left: 3px solid var(--line);
          white-space: pre-wrap; unicode-bidi: isolate;
        }
        blockquote .gap { color: var(--soft); }
        mark { background: none; color: inherit; }
        mark.missed { background: rgb(var(--right) / 0.2); border-bottom: 2px solid rgb(var(--right)); }
        mark.spurious { background: rgb(var(--wrong) / 0.2); border-bottom: 2px dashed rgb(var(--wrong)); }
        mark.missed.spurious {
          background: rgb(var(--wrong) / 0.2); border-top: 2px solid rgb(var(--right));
          border-bottom: 2px dashed rgb(var(--wrong));
        }
        b.missed { border-bottom: 2px solid rgb(var(--right)); }
        b.spurious { border-bottom: 2px dashed rgb(var(--wrong)); }
        .mentions { font-size: 0.875rem; } .gone { color: var(--soft); font-style: italic; }

        @page { margin: 1.5cm; }
        @media print {
          body { max-width: none; padding: 0; font-size: 10pt; }
          h2, h3 { break-after: avoid; }
          .wide { overflow: visible; }
          mark, .confusion td { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
          details::details-content { content-visibility: visible; height: auto; }
        }
        """
}
