import { Axis } from './axis.js';

export interface Line {
  readonly name: string;
  /** From left to right. */
  readonly points: readonly { readonly at: number; readonly value: number }[];
}

export interface Chart {
  readonly title: string;
  readonly across: string;
  readonly up: string;
  readonly isLinear: boolean;
  readonly lines: readonly Line[];
}

const [width, height] = [760, 400];
const area = { left: 70, right: 560, top: 48, bottom: 340 };
/** Told apart by people with any kind of colour vision (Okabe and Ito 2008). */
const colours = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#56b4e9', '#e69f00', '#555555'];

/** A chart as an SVG that needs no style of the page it stands in. */
export function drawChart({ title, across, up, isLinear, lines }: Chart): string {
  const points = lines.flatMap((line) => line.points);
  const x = Axis.logarithmic(
    points.map(({ at }) => at),
    area.left,
    area.right,
  );
  const values = points.map(({ value }) => value);
  const y = isLinear ? Axis.fromZero(values, area.bottom, area.top) : Axis.logarithmic(values, area.bottom, area.top);
  const grid = [
    ...y.ticks.map(({ place, label }) => [
      `<path d="M${area.left} ${place}H${area.right}" stroke="#dddddd"/>`,
      text(area.left - 8, place + 4, label, 'end'),
    ]),
    ...x.ticks.map(({ place, label }) => [
      `<path d="M${place} ${area.top}V${area.bottom}" stroke="#eeeeee"/>`,
      text(place, area.bottom + 18, label, 'middle'),
    ]),
  ].flat();
  const labels = apart(lines.map(({ points: own }) => y.placeOf(own.at(-1)?.value ?? 0)));
  const drawn = lines.flatMap(({ name, points: own }, index) => {
    const colour = colours[index % colours.length] as string;
    const places = own.map(({ at, value }) => [x.placeOf(at), y.placeOf(value)] as const);
    return [
      `<polyline points="${places.map((place) => place.join(',')).join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>`,
      ...places.map(([cx, cy]) => `<circle cx="${cx}" cy="${cy}" r="3" fill="${colour}"/>`),
      text(area.right + 10, (labels[index] as number) + 4, name, 'start', colour),
    ];
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" font-family="sans-serif" font-size="12">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    text(area.left, 24, title, 'start', '#111111', 'font-size="15" font-weight="bold"'),
    ...grid,
    text((area.left + area.right) / 2, height - 16, across, 'middle'),
    text(
      18,
      (area.top + area.bottom) / 2,
      up,
      'middle',
      '#444444',
      `transform="rotate(-90 18 ${(area.top + area.bottom) / 2})"`,
    ),
    ...drawn,
    '</svg>\n',
  ].join('\n');
}

/** The same places, moved so that what is written there can be read. */
function apart(places: readonly number[]): number[] {
  const lineHeight = 15;
  const order = places.map((_, index) => index).toSorted((one, other) => (places[one] ?? 0) - (places[other] ?? 0));
  const moved = [...places];
  let lowest = -Infinity;
  for (const index of order) {
    moved[index] = Math.max(places[index] as number, lowest + lineHeight);
    lowest = moved[index];
  }
  return moved;
}

function text(x: number, y: number, content: string, anchor: string, fill = '#444444', more = ''): string {
  return `<text x="${x}" y="${y}" text-anchor="${anchor}" fill="${fill}"${more && ` ${more}`}>${escaped(content)}</text>`;
}

function escaped(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
