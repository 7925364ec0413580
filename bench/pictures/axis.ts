export interface Tick {
  /** In the picture, as {@link Axis.placeOf} says it. */
  readonly place: number;
  readonly label: string;
}

/** Where values lie between two places of a picture. */
export class Axis {
  private constructor(
    readonly placeOf: (value: number) => number,
    readonly ticks: readonly Tick[],
  ) {}

  /** Each power of ten as far as the next. Ticks stand at 1, 2 and 5 where there is room. */
  static logarithmic(values: readonly number[], from: number, to: number): Axis {
    const [least, most] = [Math.min(...values), Math.max(...values)];
    const isFlat = least === most;
    const [low, high] = [Math.log10(isFlat ? least / 2 : least), Math.log10(isFlat ? most * 2 : most)];
    const placeOf = (value: number): number => rounded(from + ((Math.log10(value) - low) / (high - low)) * (to - from));
    const steps = high - low < 2 ? [1, 2, 5] : [1];
    const ticks: Tick[] = [];
    for (let power = Math.floor(low); power <= high; power++) {
      for (const step of steps) {
        const value = step * 10 ** power;
        if (Math.log10(value) < low - 1e-9 || Math.log10(value) > high + 1e-9) continue;
        ticks.push({ place: placeOf(value), label: labelOf(value) });
      }
    }
    return new Axis(placeOf, ticks);
  }

  /** From nothing to a round number above the largest. */
  static fromZero(values: readonly number[], from: number, to: number): Axis {
    const most = Math.max(...values, 1e-9);
    const power = 10 ** Math.floor(Math.log10(most));
    const step = [0.2, 0.5, 1, 2].map((part) => part * power).find((part) => most / part <= 6) ?? 2 * power;
    const count = Math.ceil(most / step);
    const placeOf = (value: number): number => rounded(from + (value / (count * step)) * (to - from));
    const ticks = Array.from({ length: count + 1 }, (_, index) => ({
      place: placeOf(index * step),
      label: labelOf(index * step),
    }));
    return new Axis(placeOf, ticks);
  }
}

function labelOf(value: number): string {
  if (value >= 1e6) return `${Number((value / 1e6).toPrecision(3))} M`;
  if (value >= 1e4) return `${Number((value / 1e3).toPrecision(3))} k`;
  return `${Number(value.toPrecision(3))}`;
}

function rounded(place: number): number {
  return Number(place.toFixed(1));
}
