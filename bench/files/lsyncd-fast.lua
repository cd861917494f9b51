-- lsyncd as fast as it can be set: no delay, owner and mode and times kept, one ssh connection that stays open.
settings {
  nodaemon = false,
  inotifyMode = "CloseWrite or Modify",
}

sync {
  default.rsync,
  source = "/www",
  target = "root@10.77.0.12:/www",
  delay = 0,
  rsync = {
    archive = true,
    compress = false,
    rsh = "/usr/bin/ssh -o ControlMaster=auto -o ControlPath=/run/lsyncd-ssh -o ControlPersist=600",
  },
}
