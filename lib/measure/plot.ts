/**
 * Latency distributions as a picture: one SVG with a line a histogram, latency over percentile. The horizontal axis is
 * the number of nines, as HdrHistogram's plots have it: the tail, which a linear axis would hide in its last pixel, gets
 * the room it deserves.
 *
 * @module
 */
import { formatNs } from "./format.ts";
import type { Histogram } from "./histogram.ts";

/** One line of the picture. */
export interface PlotLine {
  /** What the legend calls it. */
  name: string;
  /** Its values, ns. */
  histogram: Histogram;
  /** Drawn dashed. @default {false} */
  dashed?: boolean;
  /** Lines of one group share a colour. @default {its own} */
  group?: string;
}

const WIDTH = 960;
const HEIGHT = 540;
const LEFT = 76;
const TOP = 48;
const BOTTOM = 48;
const LEGEND = 216;
/** Percentiles that get a line of the grid. */
const MARKS = [0, 50, 90, 99, 99.9, 99.99];
/** Dark enough on white for a thin line, and told apart by the colour-blind (after Okabe and Ito). */
const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8a6d00", "#56b4e9", "#000000", "#e69f00"];

const escaped = (text: string) =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
const nines = (percent: number) => -Math.log10(1 - percent / 100);
const last = nines(MARKS.at(-1)!);

/** Steps 1, 2, 5, 10 … that cover low to high. */
function steps(low: number, high: number): number[] {
  const found: number[] = [];
  for (let decade = 10 ** Math.floor(Math.log10(low)); decade < 10 * high; decade *= 10) {
    found.push(...[1, 2, 5].map((step) => step * decade));
  }
  const from = Math.max(0, found.findLastIndex((step) => step <= low));
  const to = found.findIndex((step) => step >= high);
  return found.slice(from, to < 0 ? undefined : to + 1);
}

/** The line's points, one a tenth of a nine, no further than its count can tell. */
function points({ histogram }: PlotLine): [nines: number, ns: number][] {
  const known = Math.min(last, Math.log10(Math.max(1, histogram.count)));
  const count = Math.floor(known * 20);
  return Array.from({ length: count + 1 }, (_, i) => {
    const x = i / 20;
    return [x, Math.max(1, histogram.percentile(100 * (1 - 10 ** -x)))];
  });
}

/**
 * Draws latency distributions.
 *
 * @param title What stands above the picture.
 * @param lines The distributions; empty ones are left out.
 * @returns An SVG document.
 *
 * @example
 * ```ts
 * import { Histogram, percentilePlot } from "hotpath";
 *
 * const svg = percentilePlot("One way", [{ name: "udp", histogram: Histogram.of([900, 1000, 5000]) }]);
 * console.log(svg.slice(0, 4)); // <svg
 * ```
 */
export function percentilePlot(title: string, lines: readonly PlotLine[]): string {
  const drawn = lines.filter(({ histogram }) => histogram.count > 0)
    .map((line) => ({ ...line, points: points(line) }));
  const values = drawn.flatMap(({ points }) => points.map(([, ns]) => ns));
  const grid = steps(Math.min(...values, 1e6), Math.max(...values, 1));
  const [low, high] = [Math.log(grid[0]!), Math.log(grid.at(-1)!)];
  const right = WIDTH - LEGEND;
  const x = (nine: number) => LEFT + (nine / last) * (right - LEFT);
  const y = (ns: number) =>
    HEIGHT - BOTTOM - ((Math.log(ns) - low) / (high - low || 1)) * (HEIGHT - BOTTOM - TOP);
  const groups = [...new Set(drawn.map(({ group, name }) => group ?? name))];
  const colour = ({ group, name }: PlotLine) => COLOURS[groups.indexOf(group ?? name) % COLOURS.length]!;

  const gridLines = [
    ...grid.map((ns) =>
      `<path d="M${LEFT} ${y(ns).toFixed(1)}H${right}"/><text x="${LEFT - 8}" y="${
        (y(ns) + 4).toFixed(1)
      }" ` +
      `text-anchor="end">${formatNs(ns)}</text>`
    ),
    ...MARKS.map((mark) =>
      `<path d="M${x(nines(mark)).toFixed(1)} ${TOP}V${HEIGHT - BOTTOM}"/><text x="${
        x(nines(mark)).toFixed(1)
      }" y="${HEIGHT - BOTTOM + 18}" text-anchor="middle">${mark === 0 ? "min" : `p${mark}`}</text>`
    ),
  ];
  const curves = drawn.map((line) => {
    const path = line.points.map(([nine, ns]) => `${x(nine).toFixed(1)} ${y(ns).toFixed(1)}`).join("L");
    return `<path d="M${path}" stroke="${colour(line)}"${line.dashed ? ' stroke-dasharray="5 4"' : ""}/>`;
  });
  const legend = drawn.map((line, i) => {
    const at = TOP + 10 + i * 18;
    return `<path d="M${right + 14} ${at}h26" stroke="${colour(line)}" stroke-width="2"${
      line.dashed ? ' stroke-dasharray="5 4"' : ""
    }/><text x="${right + 48}" y="${at + 4}">${escaped(line.name)}</text>`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" ` +
    `font-family="system-ui, sans-serif" font-size="12" fill="#333">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    `<text x="${LEFT}" y="28" font-size="15" font-weight="600">${escaped(title)}</text>`,
    `<g stroke="#ddd" stroke-width="1">${gridLines.join("").replaceAll("<text", '<text stroke="none"')}</g>`,
    `<g fill="none" stroke-width="1.8" stroke-linejoin="round">${curves.join("")}</g>`,
    `<g>${legend.join("")}</g>`,
    `<text x="${(LEFT + right) / 2}" y="${HEIGHT - 10}" text-anchor="middle">percentile</text>`,
    "</svg>",
    "",
  ].join("\n");
}
