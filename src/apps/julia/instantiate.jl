# What a package in the user's own folder depends on: run as `julia -e <this> -- folder`.
#
# Public functions of Pkg alone; and Types.PkgError and Resolve, which tell errors of the user's, as in resolve.jl.

import Pkg

"Whether the manifest knows all that Project.toml names by now. Where it does not Pkg says so, or has not got it."
function is_resolved()
    known = try
        Pkg.dependencies()
    catch error
        error isa Pkg.Types.PkgError || rethrow()
        return false
    end
    return all(uuid -> haskey(known, uuid), values(Pkg.project().dependencies))
end

"""
The project is the user's: nothing here is to change it. But where Pkg resolves it writes it anew, and to Julia 1.5 without
tables that are empty, as those of apps are.
"""
function with_project_kept(work, folder)
    file = joinpath(folder, isfile(joinpath(folder, "JuliaProject.toml")) ? "JuliaProject.toml" : "Project.toml")
    text = read(file)
    try
        work()
    finally
        if read(file) != text
            write(file * ".new", text)
            mv(file * ".new", file; force = true)
        end
    end
end

function instantiate(folder)
    Pkg.activate(folder)
    has_manifest = isfile(joinpath(folder, "Manifest.toml")) || isfile(joinpath(folder, "JuliaManifest.toml"))
    if has_manifest && !is_resolved()
        # What is new in the project may be new in a registry.
        Pkg.Registry.update()
        Pkg.resolve()
    end
    Pkg.instantiate()
end

try
    with_project_kept(() -> instantiate(ARGS[1]), ARGS[1])
catch error
    error isa InterruptException && exit(130)
    printstyled(stderr, "ERROR: "; color = :red, bold = true)
    of_pkg = error isa Pkg.Types.PkgError || parentmodule(typeof(error)) === Pkg.Resolve
    of_pkg ? showerror(stderr, error) : showerror(stderr, error, catch_backtrace())
    println(stderr)
    exit(1)
end
