// SPDX-License-Identifier: GPL-2.0-only
// Ctrl-C as a flag that every waiting loop looks at, so that destructors run:
// guests are killed and reaped, temporary folders removed.
#pragma once

namespace rmaplab
{

// SIGINT, SIGTERM and SIGHUP set the flag; a second one ends the program at once. A limit on the
// size of files (SIGXFSZ) is an error of the write, as a full disk is.
void install_interrupt_handler();
bool interrupted();

}  // namespace rmaplab
