// Where the conformance suite keeps its queues.

export interface QueuePlace {
  /** For the titles of the tests. */
  readonly name: string
  /** The URL of a queue that does not exist yet. */
  freshUrl(): Promise<string>
}
