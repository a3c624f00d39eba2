// The names of the orders that a list of workers can have.

/** What a list can be sorted by, and what comes first then: what somebody sorts for. */
export const SORTS = {
  slot: 'as they lie on the board',
  age: 'silent for longest',
  updates: 'most updates',
  rate: 'most updates a second, between the last two looks',
  id: 'by name, web-9 before web-10',
  pid: 'by process',
  state: 'the dead, the blocked, the stale, then the living',
  cpu: 'most processor time, between the last two looks',
  mem: 'most memory',
  status: 'by what they say',
} as const

export type SortKey = keyof typeof SORTS

export const SORT_KEYS = Object.keys(SORTS) as SortKey[]
