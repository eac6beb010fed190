//! Finds the images that instances are launched from; registers an instance-store image where there is none.

use tokio::sync::OnceCell;

use super::arrange::{ArrangeError, Arranger, success};
use super::request_sender::AnsweredCall;
use crate::call::Call;
use crate::contract::Root;
use crate::journal::{Obstacle, Role};
use crate::protocol::{self, Image};

/// The images that instances are launched from, each looked up when it is first needed.
#[derive(Debug, Default)]
pub(super) struct Images {
    ebs: OnceCell<Option<Image>>,
    instance_store: OnceCell<Option<Image>>,
}

impl Arranger {
    /// The image to launch instances with this root from; looked up once in a run, when it is first needed.
    pub(super) async fn image(&self, root: Root) -> Result<&Image, ArrangeError> {
        let cell = match root {
            Root::Ebs => &self.shared.images.ebs,
            Root::InstanceStore => &self.shared.images.instance_store,
        };
        let image = cell.get_or_try_init(|| self.choose_image(root)).await?;
        image.as_ref().ok_or_else(|| Obstacle::NoImage { root }.into())
    }

    async fn choose_image(&self, root: Root) -> Result<Option<Image>, ArrangeError> {
        let launch = &self.shared.options.launch;
        let given = match root {
            Root::Ebs => &launch.ebs_image,
            Root::InstanceStore => &launch.instance_store_image,
        };
        if let Some(id) = given {
            let image = Image {
                id: id.clone(),
                ..Image::default()
            };
            return Ok(Some(image));
        }
        match root {
            Root::Ebs => self.find_image(root).await,
            Root::InstanceStore if !self.shared.means().instance_store_image => Ok(None),
            Root::InstanceStore => match self.find_image(root).await? {
                Some(image) => Ok(Some(image)),
                None => self.register_image().await,
            },
        }
    }

    /// The first image by id that claims this root device type.
    async fn find_image(&self, root: Root) -> Result<Option<Image>, ArrangeError> {
        let word = root.word();
        let call = Call::new(
            "DescribeImages",
            [("Filter.1.Name", "root-device-type"), ("Filter.1.Value.1", word)],
        );
        let AnsweredCall { reply, .. } = self.sender.ask(self.step, Role::Arrange, &call).await?;
        let mut images = success(&reply).map(protocol::images).unwrap_or_default();
        images.retain(|image| image.root_device_type.as_deref() == Some(word));
        images.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(images.into_iter().next())
    }

    /// Registers an instance-store image: some mocks have none, but accept one.
    async fn register_image(&self) -> Result<Option<Image>, ArrangeError> {
        let call = Call::new(
            "RegisterImage",
            [
                ("Name", "stopcheck-instance-store"),
                ("ImageLocation", "stopcheck/image.manifest.xml"),
                ("RootDeviceName", "/dev/sda1"),
                ("Architecture", "x86_64"),
            ],
        );
        let AnsweredCall { reply, .. } = self.sender.ask(self.step, Role::Arrange, &call).await?;
        let id = success(&reply).and_then(|root| root.child_text("imageId"));
        Ok(id.map(|id| Image {
            id: id.to_owned(),
            ..Image::default()
        }))
    }
}
