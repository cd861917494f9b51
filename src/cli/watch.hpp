// Asking the agent of this server, and showing what it does meanwhile.
#pragma once
#include "cli/environment.hpp"
#include "peer/json.hpp"

namespace tandem::cli {

using peer::Json;

// Called with each event of an operation.
using Printer = std::function<void(const Json& event)>;

// Prints {"line": …} events as lines to `errors`, marked where a person watches; ignores other events.
Printer line_printer(Environment& environment);

// Starts the operation in the agent and waits for its result. It goes on when this command is interrupted.
Result<Json> watch_operation(Environment& environment, const std::string& name, const Json& params,
                             const Printer& printer);
// The same with lines.
Result<Json> watch_operation(Environment& environment, const std::string& name, const Json& params);

// Prints what the servers' status says under `member`, a list of things of sites, site by site and server by server, or
// as JSON: {domain: {server: thing}}; `none` where there are none.
using DomainPrinter = std::function<void(const std::string& server, const Json& one)>;
Result<void> print_by_domain(CommandLine& line, const char* member, const DomainPrinter& printer,
                             const std::string& none);

// Prints what each server of the answer said; an error names those that said nothing.
Result<void> print_by_server(const Json& answer,
                             const std::function<void(const std::string& name, const Json& server)>& printer);

// Makes sure that the agent runs now and at every boot, through systemd when it does not run yet.
Result<void> ensure_agent(Environment& environment);

} // namespace tandem::cli
