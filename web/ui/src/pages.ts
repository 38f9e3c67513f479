// A list of which the newest part is here, and the way to what is older.

// Answer is a page as the server sends it, newest first.
export interface Answer<T> {
  items: T[];
  next: number | null; // what to ask for older ones with; null: there are none
  incomplete: string; // why something is left out; empty: nothing is
}

// atLeast is how many are kept however old they are.
export const atLeast = 100;

export class Pages<T extends { id: number; at: number }> {
  items: T[] = []; // newest first
  next: number | null = null;
  private asking = false;
  private went = false; // back, because the reader wanted to

  // most bounds the memory of a page that stays open for weeks.
  constructor(private most = 2000) {}

  start({ items, next }: { items: T[]; next: number | null }): void {
    this.items = items;
    this.next = next;
    this.went = false;
  }

  clear(): void {
    this.start({ items: [], next: null });
  }

  // older adds the next page and returns what is left out of it. An answer is
  // dropped when meanwhile the list was begun anew or cut.
  async older(ask: (before: number) => Promise<Answer<T>>): Promise<string> {
    const { items, next } = this;
    if (next === null || this.asking) return "";
    this.asking = true;
    try {
      const page = await ask(next);
      if (this.items !== items || this.next !== next) return "";
      const known = new Set(items.map((item) => item.id));
      items.push(...page.items.filter((item) => !known.has(item.id)));
      this.next = page.next;
      this.went = true;
      return page.incomplete;
    } finally {
      this.asking = false;
    }
  }

  // add puts a new one first, or in the place of what was known of it.
  add(item: T): void {
    const i = this.items.findIndex((old) => old.id === item.id);
    if (i >= 0) this.items[i] = item;
    else this.items.unshift(item);
    this.cut(Math.min(this.items.length, this.most));
  }

  // forget drops what is older than t, unless the reader asked for older ones
  // or there are few.
  forget(t: number): void {
    let n = this.items.length;
    while (!this.went && n > atLeast && this.items[n - 1]!.at < t) n--;
    this.cut(n);
  }

  // cut keeps n; the next page begins with what it dropped.
  private cut(n: number): void {
    if (n >= this.items.length) return;
    this.items.length = n;
    this.next = this.items.at(-1)?.id ?? null;
  }
}
