// Names for the claims of one timer: of no other timer, and of no other claim of this one.

import { randomName } from '../../util/random-name'

export interface ClaimToken {
  readonly token: string
  /** 1, 2, ...: names the claim in the timer's ack log. */
  readonly number: number
}

export class ClaimTokens {
  readonly #prefix = randomName(6)
  #count = 0

  next(): ClaimToken {
    const number = ++this.#count
    return { token: `${this.#prefix}${number.toString(36)}`, number }
  }
}
