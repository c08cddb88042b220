/** StarlingMonkey: a web engine, with an event loop for `fetch`. */

import { console, define, promises, surroundings } from './globals.js';

define([...promises, ...surroundings, console]);
