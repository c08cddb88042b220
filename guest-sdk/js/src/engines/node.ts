/** Node: where the tests of a workflow run. Its promises have to be the workflow's own from the start. */

import { drain, NativePromise, outside } from '../promise.js';
import { define, promises } from './globals.js';

// A test may wait for Node too; then nobody drives, and jobs run among Node's own.
outside.wake = () => void NativePromise.resolve().then(drain);
define(promises);
