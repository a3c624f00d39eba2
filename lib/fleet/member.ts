// One machine's place in a fleet, from its join to its good-bye.

import type { Agent } from './agent'
import type { MemberBoard } from './types'

/** What `Fleet.join` gives. The place is kept over lost connections and sessions, until `leave()`. */
export class FleetMember {
  readonly url: string
  readonly name: string
  readonly #agent: Agent
  #leaving: Promise<void> | undefined

  /** @internal */
  constructor(url: string, name: string, agent: Agent) {
    this.url = url
    this.name = name
    this.#agent = agent
  }

  /** `MachineEntry.id`: another one after another agent with the same name and boards has joined on this machine. */
  get id(): string {
    return this.#agent.id
  }

  /** Why nothing can be written at the moment; undefined while it can. */
  get trouble(): Error | undefined {
    return this.#agent.trouble
  }

  /** What it tells of, as each is at this moment. */
  get boards(): MemberBoard[] {
    return this.#agent.boards
  }

  /** How many nodes it has written so far. */
  get writes(): number {
    return this.#agent.writes
  }

  /** Says good-bye: others see `left`. Takes two seconds at most where the store cannot be reached. Calling it again is fine. */
  leave(): Promise<void> {
    this.#leaving ??= this.#agent.leave()
    return this.#leaving
  }

  /** `leave()`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.leave()
  }
}
