import type { RefObject } from "preact";
import { useEffect, useReducer, useState } from "preact/hooks";
import { readTheme, type Theme } from "./theme";

interface Startable {
  start(): void;
  stop(): void;
}

// useFeed makes a feed, starts it and draws the component again whenever it
// changes, and every second for the sake of ages.
export function useFeed<F extends Startable>(make: (watcher: () => void) => F): F {
  const [, redraw] = useReducer((n: number, _: void) => n + 1, 0);
  const [feed] = useState(() => make(() => redraw()));
  useEffect(() => {
    feed.start();
    const clock = window.setInterval(() => redraw(), 1000);
    return () => {
      window.clearInterval(clock);
      feed.stop();
    };
  }, [feed]);
  return feed;
}

export function useMedia(query: string): boolean {
  const [matches, setMatches] = useState(() => matchMedia(query).matches);
  useEffect(() => {
    const media = matchMedia(query);
    const changed = () => setMatches(media.matches);
    changed();
    media.addEventListener("change", changed);
    return () => media.removeEventListener("change", changed);
  }, [query]);
  return matches;
}

// useTheme reads the colours again when the system turns dark or light.
export function useTheme(): Theme {
  const dark = useMedia("(prefers-color-scheme: dark)");
  const [theme, setTheme] = useState(readTheme);
  useEffect(() => setTheme(readTheme()), [dark]);
  return theme;
}

// useScroll is the part of an element that can be seen, in its own pixels.
export function useScroll(element: RefObject<HTMLElement | null>): { top: number; bottom: number } {
  const [seen, setSeen] = useState({ top: 0, bottom: 2000 });
  useEffect(() => {
    let frame = 0;
    const measure = () => {
      frame = 0;
      const top = -(element.current?.getBoundingClientRect().top ?? 0);
      setSeen((old) => (old.top === top && old.bottom === top + innerHeight ? old : { top, bottom: top + innerHeight }));
    };
    const moved = () => (frame ||= requestAnimationFrame(measure));
    measure();
    addEventListener("scroll", moved, { passive: true });
    addEventListener("resize", moved);
    return () => {
      cancelAnimationFrame(frame);
      removeEventListener("scroll", moved);
      removeEventListener("resize", moved);
    };
  }, []);
  return seen;
}
