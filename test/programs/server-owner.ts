// Starts a ZooKeeper server, says which, and stays.

import { startZookeeper } from '../support/zookeeper-server'

export interface OwnedServer {
  pid: number
  dir: string
}

startZookeeper(1).then(({ servers: [server] }) => {
  process.send!({ pid: server!.pid, dir: server!.dir } satisfies OwnedServer)
})
