// The names of the orders that a list of workers can have.

/** What a list can be sorted by, and what comes first then: what somebody sorts for. */
export const SORTS = {
  slot: 'as they lie on the board',
  age: 'silent for longest',
  updates: 'most updates',
  rate: 'most updates a second, between the last two looks',
  id: 'by name, web-9 before web-10',
  pid: 'by process',
  state: 'trouble first: the blocked, stale, dead, busy, idle',
  status: 'by what they say',
  cpu: 'most processor time, between the last two looks',
  mem: 'most memory',
} as const

export type SortKey = keyof typeof SORTS

export const SORT_KEYS = Object.keys(SORTS) as SortKey[]
