// The subjects of setup, each in a source file of its own.
#pragma once
#include "setup/setup.hpp"

#include <string_view>

namespace tandem::setup {

void add_packages(Resources& out, const View& view);
void add_accounts(Resources& out, const View& view);
void add_host(Resources& out, const View& view);
void add_www(Resources& out, const View& view);
void add_postgres(Resources& out, const View& view);
void add_nginx(Resources& out, const View& view);
void add_sites(Resources& out, const View& view);
void add_role(Resources& out, const View& view);

// First lines of every generated file; `comment` begins a line of the file's own language.
std::string header(std::string_view comment = "#");

} // namespace tandem::setup
