// Ansible as the peer: the same resources on the same two servers, over ssh from the lab machine.
#pragma once
#include "lab/lab.hpp"

#include <map>
#include <string>
#include <vector>

namespace tandem::bench {

// A server's resources, by tandem's names of them ("file /etc/hostname").
using ResourceIds = std::map<std::string, std::vector<std::string>>;

class Ansible {
public:
  // Reads from the servers, on which all of it is true, what the playbook has to keep true, into a folder of its own.
  static Result<Ansible> describe(lab::Lab& lab, const ResourceIds& ids, const std::vector<std::string>& packages);

  struct Run {
    int changed = 0;
    int items = 0; // tasks and the items of their loops, over both servers
  };

  // One run over both servers; one that fails is an error.
  Result<Run> run();

private:
  Ansible(lab::Lab& lab, std::string folder) : lab_(&lab), folder_(std::move(folder)) {}

  lab::Lab* lab_;
  std::string folder_;
};

} // namespace tandem::bench
