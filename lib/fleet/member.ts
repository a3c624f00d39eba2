// One machine's place in a fleet, from its join to its good-bye.

/** What `Fleet.join` gives. */
export class FleetMember implements AsyncDisposable {
  readonly url: string
  readonly name: string
  /** `MachineEntry.id`. */
  readonly id: string

  constructor(url: string, name: string, id: string) {
    this.url = url
    this.name = name
    this.id = id
  }

  /** Says good-bye: others see `left`. Also what `await using` does. */
  async leave(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {
    await this.leave()
  }
}
