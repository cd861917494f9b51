// tandem-lab: the lab from the command line. Exit status 0 done, 1 failed, 2 usage, 3 refused; `run` passes the
// status of its command through.
#include "lab/commands.hpp"

#include <span>

int main(int count, char** arguments) {
  return tandem::lab::main_command({arguments + 1, arguments + count});
}
