// autocannon in a process of its own: for each URL it is sent, requests a second.

import autocannon from 'autocannon'

export interface Shots {
  url: string
  seconds: number
  /** Whether each request asks for another path than the one before it, and than its neighbours. */
  varied: boolean
}

const requests = Array.from({ length: 50 }, (_, i) => ({
  path: `/orders/${((i + 1) * 7919) % 100_003}/items?q=kettle&page=${i}`,
}))
let clients = 0

/** Each connection begins somewhere else in the list. */
function vary(client: autocannon.Client): void {
  const from = clients++ % requests.length
  client.setRequests([...requests.slice(from), ...requests.slice(0, from)])
}

process.on('message', ({ url, seconds, varied }: Shots) => {
  const setupClient = varied ? { setupClient: vary } : {}
  void autocannon({ url, connections: 50, duration: seconds, ...setupClient }).then(
    ({ requests, duration, non2xx, errors }) => {
      if (non2xx > 0 || errors > 0) throw new Error(`${non2xx} bad answers, ${errors} errors`)
      process.send!(requests.total / duration)
    },
  )
})
process.on('disconnect', () => process.exit(0))
