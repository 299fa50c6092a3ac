/** Loaded before each file of tests: a property that was tried for long enough, at least once, is left at that. */
import fc from 'fast-check'
import { propertyMaxMs } from './patience.ts'

fc.configureGlobal({ interruptAfterTimeLimit: propertyMaxMs, markInterruptAsFailure: false })
