/** Which of the right words a wrong one was probably meant to be. */

/** As many letters may follow a word that was meant without them: "warning" for "warn". */
const FURTHER = 3;

/**
 * The word that was probably meant: one that begins with what was written, the shortest of them; else the
 * nearest of `words`, if at most a third of its letters differ, or one; else one that the written begins with.
 */
export function nearest(word: string, words: Iterable<string>): string | undefined {
  let best: string | undefined;
  let least = Infinity;
  let begun: string | undefined;
  let beginning: string | undefined;
  for (const candidate of words) {
    const distance = editDistance(fold(word), fold(candidate));
    if (distance < least) [least, best] = [distance, candidate];
    if (word === "") continue;
    if (begins(candidate, word) && !(begun && begun.length <= candidate.length)) begun = candidate;
    const further = fold(word).length - fold(candidate).length;
    if (begins(word, candidate) && further <= FURTHER) beginning ??= candidate;
  }
  if (begun !== undefined) return begun;
  const letters = fold(best ?? "").length;
  return least <= Math.max(1, letters / 3) && least < letters ? best : beginning;
}

/** More than these an abbreviation may stand for are no help. */
const MOST = 3;

/** " (did you mean p99?)", with all that an abbreviation may stand for, or nothing. */
export function didYouMean(word: string, words: Iterable<string>): string {
  const all = [...words];
  const begun = word === "" ? [] : all.filter((candidate) => begins(candidate, word));
  const isShort = begun.length > 1 && begun.length <= MOST && !begun.some((of) => same(of, word));
  const found = isShort ? begun.join(", ").replace(/, ([^,]*)$/, " or $1") : nearest(word, all);
  return found === undefined ? "" : ` (did you mean ${found}?)`;
}

const same = (one: string, other: string) => fold(one) === fold(other);

const begins = (word: string, start: string) => fold(word).startsWith(fold(start));

/** Case and the sign between words are no difference. */
const fold = (word: string) => word.toLowerCase().replace(/[-_ ]/g, "");

/** Insertions, deletions, changes and swaps of neighbours that lead from one word to the other. */
export function editDistance(from: string, to: string): number {
  let [before, previous] = [[] as number[], Array.from({ length: to.length + 1 }, (_, i) => i)];
  for (let i = 1; i <= from.length; i++) {
    const row = [i];
    for (let j = 1; j <= to.length; j++) {
      const same = from[i - 1] === to[j - 1];
      let cost = Math.min(previous[j]! + 1, row[j - 1]! + 1, previous[j - 1]! + (same ? 0 : 1));
      if (i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]) {
        cost = Math.min(cost, before[j - 2]! + 1);
      }
      row.push(cost);
    }
    [before, previous] = [previous, row];
  }
  return previous[to.length]!;
}
