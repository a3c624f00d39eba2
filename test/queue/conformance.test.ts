// The same suite on both kinds of place.

import { join } from 'node:path'
import { queueConformance } from '../conformance/suite'
import { describeZookeeper, uniqueUrl } from '../support/queue'
import { tempDir } from '../support/temp-dir'

describe('The conformance suite', () => {
  queueConformance({ name: 'local:', freshUrl: async () => `local:${join(tempDir(), 'queue')}` })
})

describeZookeeper('The conformance suite', () => {
  queueConformance({ name: 'zk://', freshUrl: uniqueUrl })
})
