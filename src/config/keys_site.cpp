// [[site]]: where it comes from, how it is built and served.
#include "config/binding.hpp"
#include "config/rules.hpp"

namespace tandem::config {

namespace {

constexpr model::Bytes kilobyte = 1U << 10U;
constexpr model::Bytes gigabyte = 1U << 30U;

model::SiteFolder& folder(model::Pair& pair) {
  return pair.sites.back().folders.back();
}

Keys source_keys() {
  using model::Site;
  return {
      tables("site", pair, &model::Pair::sites, "One for each site, in order of importance."),
      value("site.domain", text(rules::domain), at(site, &Site::domain), "its name, and that of its folder in /www")
          .required(),
      value("site.aliases", set(rules::domain), at(site, &Site::aliases), "further names"),
      value("site.repo", text(rules::repository), at(site, &Site::repo), "its git repository").required(),
      value("site.branch", text(rules::branch), at(site, &Site::branch), "the branch that `deploy` takes"),
      value("site.deploy_key", secret_file(), at(site, &Site::deploy_key), "ssh private key for the repository"),
      value("site.repo_host_keys", set(rules::known_host), at(site, &Site::repo_host_keys),
            "the repository's host keys, as ssh-keyscan prints them; an unknown key is refused"),
      value("site.webhook_secret_file", shared_secret_file(), at(site, &Site::webhook_secret_file),
            "file with the secret by which the repository's host signs what it sends to https://DOMAIN/.tandem/push; "
            "each "
            "push to the branch is deployed"),
      value("site.owner", text(rules::user_name), at(site, &Site::owner),
            "the user that its uWSGI runs as, in group www-data")
          .required(),
      value("site.wsgi", text(rules::wsgi), at(site, &Site::wsgi), "the application, MODULE:CALLABLE").required(),
      value("site.environment", texts_by(rules::environment_name, rules::environment_value),
            at(site, &Site::environment), "environment variables"),
      value("site.environment_file", variables_file(), at(site, &Site::environment_file),
            "file with more of them, NAME=VALUE lines: secrets stay out of this file"),
      value("site.requirements", text(rules::relative_path), at(site, &Site::requirements),
            "what pip installs, a file in the repository"),
      value("site.pip_options", list(rules::pip_option), at(site, &Site::pip_options),
            "further arguments of pip install"),
  };
}

Keys serving_keys() {
  using model::Site;
  return {
      value("site.serve", texts_by(rules::serve_prefix, rules::site_folder), at(site, &Site::serve),
            "which folders nginx serves itself, by prefix of the path"),
      value("site.deploy_steps", list(rules::command), at(site, &Site::deploy_steps),
            "commands run in the new release before it serves"),
      value("site.on_promote", list(rules::command), at(site, &Site::on_promote),
            "commands run when its server becomes primary"),
      value("site.health", text(rules::url_path), at(site, &Site::health), "the path that must answer below 400"),
      value("site.max_body", size(kilobyte, 64 * gigabyte), at(site, &Site::max_body), "largest upload"),
      value("site.basic_auth", secret_file(), at(site, &Site::basic_auth),
            "htpasswd file; the site asks for a password"),
      value("site.nginx_extra", secret_file(), at(site, &Site::nginx_extra),
            "file that is put into the server block and checked by nginx -t; for a request that the gate held or "
            "passed on, "
            "$scheme says http in it"),
  };
}

Keys folder_keys() {
  using model::SiteFolder;
  return {
      tables("site.folders", site, &model::Site::folders, "Folders that are kept from release to release."),
      value("site.folders.name", text(rules::site_folder), at(folder, &SiteFolder::name), "its name in the site")
          .required(),
      value("site.folders.owner", text(rules::group_name), at(folder, &SiteFolder::owner),
            "a user; not given: the site's owner"),
      value("site.folders.group", text(rules::group_name), at(folder, &SiteFolder::group), "not given: www-data"),
      value("site.folders.replicate", flag(), at(folder, &SiteFolder::replicate), "carried to the standby"),
  };
}

} // namespace

Keys site_keys() {
  Keys keys;
  for (auto part : {source_keys, serving_keys, folder_keys})
    std::ranges::move(part(), std::back_inserter(keys));
  return keys;
}

} // namespace tandem::config
