# What only a package's app files need, resolved together with the package itself: run as
# `julia -e <this> -- environment package`, where `package` is its folder, as seen from the environment unless it is absolute, and the environment has been given the Project.toml (and the Manifest.toml, where there is one) that lies beside those files.
#
# Public functions of Pkg alone.

import Pkg

cd(ARGS[1])
Pkg.activate(ARGS[1])
Pkg.develop(Pkg.PackageSpec(path = ARGS[2]))
Pkg.instantiate()
