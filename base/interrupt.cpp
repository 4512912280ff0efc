// SPDX-License-Identifier: GPL-2.0-only
#include "base/interrupt.h"

#include <unistd.h>

#include <csignal>
#include <initializer_list>

namespace rmaplab
{

namespace
{
volatile std::sig_atomic_t g_interrupts = 0;

void on_signal(int signal_number)
{
  g_interrupts = g_interrupts + 1;
  if (g_interrupts > 1)
    ::_exit(128 + signal_number);  // children die with us: PR_SET_PDEATHSIG
}
}  // namespace

void install_interrupt_handler()
{
  struct sigaction action = {};
  action.sa_handler = on_signal;
  for (const int signal_number : {SIGINT, SIGTERM, SIGHUP})
    ::sigaction(signal_number, &action, nullptr);
  ::signal(SIGXFSZ, SIG_IGN);  // the write fails instead, and says so
}

bool interrupted()
{
  return g_interrupts != 0;
}

}  // namespace rmaplab
