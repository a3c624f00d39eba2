// One item leased ahead: a worker that asks for its next item as soon as it has acked one has both done in
// one write. Only who was seen to work like that, one item at a time, gets one; and what nobody has asked
// for when the event loop has turned is given back, so that no worker sits on what another could do.

/** How many acks in a row have to be followed by lease() before something is leased with the next. */
const FOLLOWED = 3

export interface Giver<Lease> {
  /** Never rejects. */
  giveBack(lease: Lease): Promise<void>
}

export class Ahead<Lease> {
  readonly #giver: Giver<Lease>
  #followed = 0
  /** Whether lease() was not called since an ack began; and since that ack has ended. */
  #isAwaited = false
  #isLate = false
  #isTurning = false
  #next: Promise<Lease | undefined> | undefined

  constructor(giver: Giver<Lease>) {
    this.#giver = giver
  }

  /** An ack is on its way to the store, and `lease` may join it, in the same turn. */
  join(lease: () => Promise<Lease | undefined>): void {
    if (this.#isAwaited) this.#followed = 0
    this.#isAwaited = true
    if (this.#followed < FOLLOWED || this.#next !== undefined) return
    // What fails here fails the ack, too, which tells of it.
    this.#next = lease().catch(() => undefined)
  }

  /** That ack has ended, well or not. */
  acked(): void {
    this.#isLate = this.#isAwaited
    if (!this.#isLate || this.#isTurning) return
    this.#isTurning = true
    setImmediate(this.#turned)
  }

  readonly #turned = () => {
    this.#isTurning = false
    if (!this.#isLate) return
    this.#isAwaited = false
    this.#followed = 0
    void this.drop()
  }

  /** lease() was called: what was leased for it, if anything was. */
  take(): Promise<Lease | undefined> | undefined {
    if (this.#isAwaited) this.#followed++
    this.#isAwaited = false
    this.#isLate = false
    const next = this.#next
    this.#next = undefined
    return next
  }

  /** Gives back what nobody has asked for. */
  async drop(): Promise<void> {
    const lease = await this.take()
    if (lease !== undefined) await this.#giver.giveBack(lease)
  }
}
