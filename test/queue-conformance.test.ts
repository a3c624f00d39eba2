// The same suite on both kinds of place.

import { join } from 'node:path'
import { describeZookeeper, uniqueUrl } from './helpers/queue'
import { tempDir } from './helpers/temp-dir'
import { queueConformance } from './queue-conformance'

describe('The conformance suite', () => {
  queueConformance({ name: 'local:', freshUrl: async () => `local:${join(tempDir(), 'queue')}` })
})

describeZookeeper('The conformance suite', () => {
  queueConformance({ name: 'zk://', freshUrl: uniqueUrl })
})
