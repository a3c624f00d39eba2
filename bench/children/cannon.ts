// autocannon in a process of its own: for each URL it is sent, requests a second.

import autocannon from 'autocannon'

export interface Shots {
  url: string
  seconds: number
}

process.on('message', ({ url, seconds }: Shots) => {
  void autocannon({ url, connections: 50, duration: seconds }).then(
    ({ requests, duration, non2xx, errors }) => {
      if (non2xx > 0 || errors > 0) throw new Error(`${non2xx} bad answers, ${errors} errors`)
      process.send!(requests.total / duration)
    },
  )
})
process.on('disconnect', () => process.exit(0))
