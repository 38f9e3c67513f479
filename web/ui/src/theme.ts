// The colours of the style sheet, for the canvases. They mean something: ink
// and greys are what was observed, accent is what Flyball wants, warning is a
// broken objective.
export interface Theme {
  ink: string;
  muted: string;
  faint: string;
  grid: string;
  area: string;
  hatch: string;
  accent: string;
  warning: string;
  panel: string;
  font: string;
}

export function readTheme(): Theme {
  const style = getComputedStyle(document.documentElement);
  const of = (name: string) => style.getPropertyValue(`--${name}`).trim();
  return {
    ink: of("ink"), muted: of("muted"), faint: of("faint"), grid: of("grid"), area: of("area"), hatch: of("hatch"),
    accent: of("accent"), warning: of("warning"), panel: of("panel"), font: `11px ${of("font")}`,
  };
}

// hatched is a pattern of diagonal lines, told apart from a plain area without
// any colour.
export function hatched(ctx: CanvasRenderingContext2D, colour: string): CanvasPattern | string {
  const size = Math.round(6 * devicePixelRatio);
  const tile = document.createElement("canvas");
  tile.width = tile.height = size;
  const draw = tile.getContext("2d");
  if (!draw) return colour;
  draw.strokeStyle = colour;
  draw.lineWidth = devicePixelRatio * 1.4;
  draw.beginPath();
  for (const shift of [-size, 0, size]) {
    draw.moveTo(shift - 1, size + 1);
    draw.lineTo(shift + size + 1, -1);
  }
  draw.stroke();
  return ctx.createPattern(tile, "repeat") ?? colour;
}
