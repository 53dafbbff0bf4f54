// Callers that each go through one cycle after another, and what they saw, in one line of JSON:
// cycles per second, and milliseconds.

/** What an item is about: the members that Baton's are given, too. */
export const content = (number) => ({
  Invoice: `2026/${number}`,
  Customer: 'Blue Pumps and Valves Ltd.',
  Amount: 1249.5,
  Currency: 'EUR',
  Approved: true,
});

const number = (name) => Number(process.env[name]);
export const callers = number('CALLERS');
const seconds = number('DURATION');
const pending = number('PENDING');

/** Lists of at most a thousand contents: what waits before the clock runs. */
export function* waiting() {
  for (let done = 0; done < pending; done += 1000) {
    yield Array.from({ length: Math.min(1000, pending - done) }, (_, n) => content(done + n));
  }
}

/** Lets the callers go through `cycle(caller, number)`, and prints. */
export async function measure(cycle) {
  // As Baton's callers do: a quarter of the time before it counts.
  const counts = performance.now() + seconds * 250;
  const ends = counts + seconds * 1000;
  const times = [];
  let next = 0;
  const caller = async (_, me) => {
    for (;;) {
      const begun = performance.now();
      if (begun >= ends) return;
      await cycle(me, next++);
      if (begun >= counts) times.push(performance.now() - begun);
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  const took = performance.now() - counts;
  times.sort((a, b) => a - b);
  const at = (share) => times[Math.max(0, Math.ceil(share * times.length) - 1)];
  const seen = { rate: (times.length * 1000) / took, p50: at(0.5), p99: at(0.99) };
  console.log(JSON.stringify(seen));
}
