// What the demo's server serves, and so what its load asks for.

export interface Route {
  method: 'GET' | 'POST'
  path: string
  body?: string
  /** How long the answer takes, in milliseconds. */
  workMs: number
}

export const ROUTES: readonly Route[] = [
  { method: 'GET', path: '/', workMs: 0 },
  { method: 'GET', path: '/orders/17', workMs: 3 },
  { method: 'POST', path: '/orders', body: '{"item":"kettle","count":2}', workMs: 8 },
  { method: 'GET', path: '/search?q=kettle', workMs: 15 },
  { method: 'GET', path: '/reports/year', workMs: 40 },
]
