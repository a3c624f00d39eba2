// `--halt soon,fail=1`: when a worker gives up, in GNU parallel's words.

import { InvalidArgumentError } from 'commander'

export interface HaltRule {
  /** `soon`: nothing new is begun; `now`: what runs is ended too. */
  readonly when: 'soon' | 'now'
  readonly what: 'fail' | 'success' | 'done'
  /** So many, or with `isShare` so many in a hundred of all items. */
  readonly count: number
  readonly isShare: boolean
}

/** GNU parallel waits for so many before it believes a share. */
const FEWEST_FOR_SHARE = 3

/** `never`, `soon,fail=1`, `now,fail=10%`, `now,success=1`. */
export function parseHalt(text: string): HaltRule | undefined {
  if (text === 'never') return undefined
  const [, when, what, number, percent] = /^(soon|now),(fail|success|done)=(\d+)(%?)$/.exec(text) ?? []
  const count = Number(number)
  if (when === undefined || count < 1 || (percent === '%' && count > 100)) {
    throw new InvalidArgumentError(
      "Expected 'never', or like 'soon,fail=1', 'now,fail=10%', 'now,success=1'.",
    )
  }
  return { when: when as HaltRule['when'], what: what as HaltRule['what'], count, isShare: percent === '%' }
}

/** Counts items as they end in this worker: an item has failed when its last attempt has. */
export class Halt {
  #failed = 0
  #succeeded = 0

  constructor(
    readonly rule: HaltRule | undefined,
    /** Of the whole queue, as far as known. */
    private readonly total: () => number,
  ) {}

  /** Says whether that is enough. */
  add(isSuccess: boolean): boolean {
    if (isSuccess) this.#succeeded++
    else this.#failed++
    if (this.rule === undefined) return false
    const { what, count, isShare } = this.rule
    const counts = { fail: this.#failed, success: this.#succeeded, done: this.#failed + this.#succeeded }
    const reached = counts[what]
    // Nothing has come yet of what is counted.
    if (isSuccess ? what === 'fail' : what === 'success') return false
    if (!isShare) return reached >= count
    return reached >= FEWEST_FOR_SHARE && reached * 100 >= count * this.total()
  }
}
