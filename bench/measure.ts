// How a trial takes its times, inside its own process.
//
// A call of 50 ns cannot be timed by itself: the clock costs as much. tinybench times every call;
// mitata makes batches, but not for calls that it found to be slower than about 100 ns, and told 180 ns, in
// steps of 10, for an update that takes 130. So here a batch grows until the clock is lost in it, and
// the trial's own loop is the batch: nothing stands between it and the call.

/** Long enough that two looks at the clock (100 ns together) are nothing, short enough for a p99. */
const BATCH_NS = 50_000
const MIN_SAMPLES = 20

export function nowNs(): number {
  return Number(process.hrtime.bigint())
}

function timeOne(batch: (calls: number) => void, calls: number): number {
  const before = process.hrtime.bigint()
  batch(calls)
  return Number(process.hrtime.bigint() - before)
}

/** Warms up, and finds how many calls make a batch. */
function calibrate(batch: (calls: number) => void, budgetMs: number): number {
  const warmUntil = nowNs() + (budgetMs * 1e6) / 4
  let calls = 1
  let warm = false
  while (!warm || nowNs() < warmUntil) {
    const took = timeOne(batch, calls)
    warm = took >= BATCH_NS
    if (!warm) calls *= 2
  }
  // The optimiser may have come after the batch grew: once more with the speed of now.
  const perCall = Math.max(timeOne(batch, calls) / calls, 0.1)
  return Math.max(1, Math.ceil(BATCH_NS / perCall))
}

/**
 * Nanoseconds per call, one number for each batch of calls. A call longer than a batch should be
 * is a batch by itself.
 *
 * @param batch makes so many calls in a loop
 */
export function timeCalls(batch: (calls: number) => void, budgetMs: number): number[] {
  const calls = calibrate(batch, budgetMs)
  global.gc?.()
  const samples: number[] = []
  const until = nowNs() + budgetMs * 1e6
  while (samples.length < MIN_SAMPLES || nowNs() < until) samples.push(timeOne(batch, calls) / calls)
  return samples
}

/** How many times as long a call of `of` takes as one of `by`, from batches that take turns. */
export function timePair(
  of: (calls: number) => void,
  by: (calls: number) => void,
  budgetMs: number,
): number[] {
  const callsOf = calibrate(of, budgetMs)
  const callsBy = calibrate(by, budgetMs)
  global.gc?.()
  const ratios: number[] = []
  const until = nowNs() + 2 * budgetMs * 1e6
  while (ratios.length < MIN_SAMPLES || nowNs() < until) {
    ratios.push(timeOne(of, callsOf) / callsOf / (timeOne(by, callsBy) / callsBy))
  }
  return ratios
}

/** A window of time that is even or odd, alike for all processes of the machine. */
export const WINDOW_MS = 20

export function windowNow(): number {
  return Math.floor(nowNs() / (WINDOW_MS * 1e6))
}

/**
 * How many times as long a call takes in odd windows, in which another process does something, as
 * in the even windows before them.
 */
export function timeWindows(batch: (calls: number) => void, budgetMs: number): number[] {
  const calls = calibrate(batch, budgetMs)
  const windows = new Map<number, number[]>()
  const until = nowNs() + Math.max(2 * budgetMs, 10 * WINDOW_MS) * 1e6
  while (nowNs() < until) {
    const before = windowNow()
    const took = timeOne(batch, calls)
    const samples = windows.get(before) ?? []
    // What lies on the border belongs to neither.
    if (windowNow() === before) windows.set(before, [...samples, took])
  }
  return [...windows].flatMap(([number, samples]) => {
    const quiet = windows.get(number - 1)
    return number % 2 === 0 || quiet === undefined ? [] : [median(samples) / median(quiet)]
  })
}

/** Nanoseconds of each call of something that takes a promise's time. */
export async function timePromises(call: () => Promise<unknown>, budgetMs: number): Promise<number[]> {
  const warmUntil = nowNs() + (budgetMs * 1e6) / 4
  do await call()
  while (nowNs() < warmUntil)
  const samples: number[] = []
  const until = nowNs() + budgetMs * 1e6
  while (samples.length < MIN_SAMPLES || nowNs() < until) {
    const before = process.hrtime.bigint()
    await call()
    samples.push(Number(process.hrtime.bigint() - before))
  }
  return samples
}

export function scale(values: number[], factor: number): number[] {
  return values.map((value) => value * factor)
}

/** The value below which the fraction `q` of them lies. REQUIRES: at least one value. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))]!
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}
