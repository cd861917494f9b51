-- lsyncd with what it does when it is told nothing but from where and to where.
sync {
  default.rsync,
  source = "/www",
  target = "root@10.77.0.12:/www",
}
